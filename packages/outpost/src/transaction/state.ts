/** States of a transaction: one closed list. The transitions stand in {@link transitions}. */
export const transactionStates = [
  'buffered',
  'applied',
  'replicated',
  'retained',
  'gone',
  'rejected',
  'parked',
  'resolved',
  'discarded',
  'superseded',
] as const

export type TransactionState = (typeof transactionStates)[number]

/**
 * The complete transition table: state → the states it may change to.
 * `applied | replicated | retained → buffered` is the re-drive after main lost the transaction (P8).
 */
export const transitions: Readonly<Record<TransactionState, readonly TransactionState[]>> = {
  buffered: ['applied', 'rejected', 'parked'],
  applied: ['replicated', 'buffered'],
  replicated: ['retained', 'buffered'],
  retained: ['gone', 'buffered'],
  gone: [],
  rejected: ['resolved', 'discarded', 'superseded', 'buffered'],
  parked: ['buffered', 'discarded'],
  resolved: [],
  discarded: [],
  superseded: [],
}

export function canChange(from: TransactionState, to: TransactionState): boolean {
  return transitions[from].includes(to)
}

/** Still shadows the replica in merged reads (N13, N20). */
export function isPending(state: TransactionState): boolean {
  return state === 'buffered' || state === 'applied' || state === 'rejected' || state === 'parked'
}
