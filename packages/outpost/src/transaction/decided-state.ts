import type { TransactionState } from './state.ts'
import type { DecisionKind } from './transaction.ts'

/** What becomes of a dead letter by a decision (N3). */
export function endState(kind: DecisionKind): 'superseded' | 'resolved' | 'discarded' {
  switch (kind) {
    case 'replay':
    case 'edit':
      return 'superseded'
    case 'resolve':
      return 'resolved'
    case 'discard':
      return 'discarded'
  }
}

/** Whether an operator may decide so about a transaction in this state. */
export function isDecidable(state: TransactionState, kind: DecisionKind): boolean {
  return state === 'rejected' || (state === 'parked' && kind === 'discard')
}

/**
 * The states that lead from one to a decided one, by the transition table; empty where none does. A cone's member may
 * not have been parked yet, and a crash may have lost that main rejected or the site parked it.
 */
export function waysTo(
  from: TransactionState,
  end: ReturnType<typeof endState>,
): readonly TransactionState[] {
  switch (from) {
    case 'rejected':
      return [end]
    case 'parked':
      return end === 'discarded' ? [end] : ['buffered', 'rejected', end]
    case 'buffered':
      return end === 'discarded' ? ['parked', end] : ['rejected', end]
    case 'applied':
    case 'replicated':
    case 'retained':
    case 'gone':
    case 'resolved':
    case 'discarded':
    case 'superseded':
      return []
  }
}
