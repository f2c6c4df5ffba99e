import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TransactionState } from '../transaction/state.ts'
import { type EffectProgress, firstProgress, lookAhead, nextStep, oldestNeeded } from './effect-progress.ts'

const stateOf = (states: readonly TransactionState[]) => (seq: number) => states[seq - 1]!
const step = (states: readonly TransactionState[], progress: EffectProgress = { through: 0, open: [] }) =>
  nextStep(progress, stateOf(states), states.length)

describe('nextStep', () => {
  it('goes in the order of the journal, over what has no effect', () => {
    expect(step(['applied', 'applied'])).toEqual({ due: 1, after: { through: 1, open: [] } })
    expect(step(['discarded', 'applied'])).toEqual({ due: undefined, after: { through: 1, open: [] } })
    expect(step(['retained'], { through: 1, open: [] })).toBeUndefined()
    expect(step(['buffered', 'buffered'])).toBeUndefined()
  })

  it('passes what main has not applied, and takes it first once it has', () => {
    const passed = { through: 4, open: [1, 2, 3] }
    expect(step(['rejected', 'parked', 'buffered', 'applied'])).toEqual({ due: 4, after: passed })
    expect(step(['rejected', 'applied', 'buffered', 'applied', 'applied'], passed)).toEqual({
      due: 2,
      after: { through: 4, open: [1, 3] },
    })
    expect(step(['superseded', 'parked', 'buffered', 'applied'], passed)).toEqual({
      due: undefined,
      after: { through: 4, open: [2, 3] },
    })
  })

  it('P11: opens no more than it looks ahead', () => {
    const states = [...Array<TransactionState>(lookAhead).fill('parked'), 'applied' as const]
    expect(step(states)).toBeUndefined()
    expect(step(states.slice(1))?.after.open).toHaveLength(lookAhead - 1)
  })

  it('every applied transaction has its turn once, whatever is applied when', () => {
    const seqs = fc.shuffledSubarray(
      Array.from({ length: 30 }, (_, index) => index + 1),
      { minLength: 0 },
    )
    fc.assert(
      fc.property(seqs, (order) => {
        const states = Array<TransactionState>(30).fill('buffered')
        const turns: number[] = []
        let progress: EffectProgress = { through: 0, open: [] }
        for (const seq of order) {
          states[seq - 1] = 'applied'
          for (let next = step(states, progress); next; next = step(states, progress)) {
            if (next.due !== undefined) turns.push(next.due)
            progress = next.after
          }
        }
        expect(turns).toEqual(order)
      }),
    )
  })
})

describe('firstProgress', () => {
  it('begins with what main has not applied so far', () => {
    expect(firstProgress([7, 3], 9)).toEqual({ through: 9, open: [3, 7] })
    expect(firstProgress([], 0)).toEqual({ through: 0, open: [] })
    const many = Array.from({ length: lookAhead + 1 }, (_, index) => index + 5)
    expect(firstProgress(many, 99_999)).toEqual({ through: 4, open: [] })
  })
})

describe('oldestNeeded', () => {
  it('is the first open one, else the next', () => {
    expect(oldestNeeded({ through: 9, open: [3, 7] })).toBe(3)
    expect(oldestNeeded({ through: 9, open: [] })).toBe(10)
  })
})
