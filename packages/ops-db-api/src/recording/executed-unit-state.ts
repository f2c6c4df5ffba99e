/** States of an executed unit. It begins as `running`; one that has ended never changes again. */
export const unitStates = ['running', 'paused', 'completed', 'aborted', 'failed'] as const

export type UnitState = (typeof unitStates)[number]

/** The complete transition table: state → the states it may change to. */
export const unitTransitions: Readonly<Record<UnitState, readonly UnitState[]>> = {
  running: ['paused', 'completed', 'aborted', 'failed'],
  paused: ['running', 'completed', 'aborted', 'failed'],
  completed: [],
  aborted: [],
  failed: [],
}

export type UnitEnd = 'completed' | 'aborted' | 'failed'

export function canChangeUnit(from: UnitState, to: UnitState): boolean {
  return unitTransitions[from].includes(to)
}

/** An ended unit carries its end time. */
export function isUnitEnd(state: UnitState): state is UnitEnd {
  return unitTransitions[state].length === 0
}

export function isUnitState(value: unknown): value is UnitState {
  return unitStates.some((state) => state === value)
}
