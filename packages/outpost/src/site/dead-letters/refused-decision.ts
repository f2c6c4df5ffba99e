import { OutpostError } from '../../errors/outpost-error.ts'
import type { TransactionStatus } from '../../journal/journal.ts'
import type { TransactionState } from '../../transaction/state.ts'
import type { DecisionKind, TransactionRecord } from '../../transaction/transaction.ts'
import type { Cone } from './dead-letters-api.ts'

/** Why nothing can be decided about a transaction, with the state as it is. */
export function notDecidable(
  target: TransactionRecord,
  status: TransactionStatus,
  kind: DecisionKind,
  by: TransactionRecord | undefined,
): OutpostError {
  const details = {
    transaction_id: target.id,
    state: status.state,
    ...(by?.decision && {
      decided_by: { transaction_id: by.id, kind: by.decision.kind, actor: by.actor ?? null },
    }),
  }
  const who = by?.actor === undefined ? 'somebody' : by.actor
  const message =
    by?.decision === undefined
      ? `Transaction ${target.id} is ${status.state}: ${reasonOf(status.state, kind)}.`
      : `Transaction ${target.id} is ${status.state}: ${who} has decided on it (${by.decision.kind}, transaction ${by.id}).`
  return new OutpostError('transition_refused', message, { details })
}

function reasonOf(state: TransactionState, kind: DecisionKind): string {
  switch (state) {
    case 'parked':
      return `it waits for another, so there is nothing to ${kind}; deal with that one, or discard this one`
    case 'buffered':
      return 'main has not answered about it yet'
    case 'applied':
    case 'replicated':
    case 'retained':
    case 'gone':
      return 'main has it'
    case 'rejected':
    case 'resolved':
    case 'discarded':
    case 'superseded':
      return 'it has been dealt with'
  }
}

/** Others wait for what was to be discarded alone. */
export function conePresent(target: TransactionRecord, count: number, cone: Cone): OutpostError {
  return new OutpostError(
    'cone_waiting',
    `${count} ${count === 1 ? 'transaction waits' : 'transactions wait'} for ${target.id}.`,
    { details: { transaction_id: target.id, count, first: cone.first } },
  )
}
