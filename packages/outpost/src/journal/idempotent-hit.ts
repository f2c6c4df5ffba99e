import type { TransactionDraft } from '../transaction/transaction.ts'
import type { IdempotentHit } from './journal.ts'

/** N22: how long an answer outlives its dropped transaction. */
export const keptAnswerMs = 7 * 24 * 60 * 60 * 1000

/** What a retry with this record's Idempotency-Key is told. A transaction without a stored answer has an empty one. */
export function hitOf(record: TransactionDraft): IdempotentHit {
  return {
    transactionId: record.id,
    requestDigest: record.idempotency?.requestDigest ?? '',
    answer: record.answer ?? { status: 200, body: null },
  }
}
