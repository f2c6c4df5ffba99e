import { describe, expect, it } from 'vitest'
import { canChange, isPending, transactionStates, transitions } from './state.ts'
import { stateDiagram } from './state-diagram.ts'

/** The table of the design, written a second time: a change has to be made in both places, on purpose. */
const expected = [
  'buffered → applied',
  'buffered → rejected',
  'buffered → parked',
  'applied → replicated',
  'applied → buffered',
  'replicated → retained',
  'replicated → buffered',
  'retained → gone',
  'retained → buffered',
  'rejected → resolved',
  'rejected → discarded',
  'rejected → superseded',
  'rejected → buffered',
  'parked → buffered',
  'parked → discarded',
]

describe('the states of a transaction', () => {
  it.each(transactionStates.flatMap((from) => transactionStates.map((to) => [from, to] as const)))(
    '%s → %s is allowed exactly when the table says so',
    (from, to) => expect(canChange(from, to)).toBe(expected.includes(`${from} → ${to}`)),
  )

  it('has no transition to a state that does not exist', () => {
    expect(Object.keys(transitions).sort()).toEqual([...transactionStates].sort())
  })

  it('N20: parked and rejected transactions still show, replicated and later ones do not', () => {
    expect(transactionStates.filter(isPending)).toEqual(['buffered', 'applied', 'rejected', 'parked'])
  })

  it('P8: whatever main can lose can be driven again', () => {
    for (const state of ['applied', 'replicated', 'retained'] as const)
      expect(canChange(state, 'buffered')).toBe(true)
  })

  it('draws every transition of the table, and an end for each last state', () => {
    const lines = stateDiagram().trim().split('\n').slice(2)
    const arrows = lines
      .filter((line) => !line.endsWith('[*]'))
      .map((line) => line.trim().replace('-->', '→'))
    expect(arrows).toEqual(expected)
    expect(lines.filter((line) => line.endsWith('[*]')).map((line) => line.trim().split(' ')[0])).toEqual(
      transactionStates.filter((state) => transitions[state].length === 0),
    )
  })
})
