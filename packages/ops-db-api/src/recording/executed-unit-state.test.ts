import { ProblemError } from 'outpost/fastify'
import { describe, expect, it } from 'vitest'
import { assertUnitChange } from './executed-unit-routes.ts'
import { canChangeUnit, isUnitEnd, unitStates, unitTransitions } from './executed-unit-state.ts'
import { canChangeTransfer, transferStates } from './transfer-state.ts'

describe('the state machine of an executed unit', () => {
  it('has a row for every state, and names only states', () => {
    expect(Object.keys(unitTransitions).sort()).toEqual([...unitStates].sort())
    for (const targets of Object.values(unitTransitions)) {
      for (const target of targets) expect(unitStates).toContain(target)
    }
  })

  it('never leaves an end', () => {
    for (const state of unitStates.filter(isUnitEnd)) {
      for (const to of unitStates) expect(canChangeUnit(state, to)).toBe(false)
    }
  })

  it('P9: refuses a second finish and an end before the start', () => {
    const row = { status: 'running', start_time: '2026-04-15 22:00:00+00' }
    const code = (act: () => void) => {
      try {
        act()
      } catch (error) {
        return error instanceof ProblemError ? error.problem.code : error
      }
    }
    const end = new Date('2026-04-15T22:10:00Z')
    expect(code(() => assertUnitChange(row, 'completed', end))).toBeUndefined()
    expect(code(() => assertUnitChange({ ...row, status: 'completed' }, 'completed', end))).toBe(
      'state_conflict',
    )
    expect(code(() => assertUnitChange(row, 'completed', new Date('2026-04-15T21:00:00Z')))).toBe(
      'end_before_start',
    )
  })
})

describe('the state machine of a transfer', () => {
  it('lets only a failed one start again', () => {
    const restartable = transferStates.filter((state) => canChangeTransfer(state, 'pending'))
    expect(restartable).toEqual(['failed'])
  })
})
