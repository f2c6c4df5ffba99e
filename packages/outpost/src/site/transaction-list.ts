import type { Journal } from '../journal/journal.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { Seq } from '../transaction/transaction.ts'
import type { TransactionView } from './site-api.ts'

const defaultLimit = 100

/** Transactions by state and number, oldest first; at most `limit` (100) after `after`. */
export async function listTransactions(
  journal: Journal,
  options: { readonly state?: TransactionState; readonly after?: Seq; readonly limit?: number },
): Promise<readonly TransactionView[]> {
  const { state, after = 0, limit = defaultLimit } = options
  const seqs = state === undefined ? range(journal, after, limit) : journal.seqsIn(state, { after, limit })
  const records = await journal.getMany(seqs)
  return records.map((record) => ({ record, status: journal.status(record.seq) }))
}

function range(journal: Journal, after: Seq, limit: number): readonly Seq[] {
  const from = Math.max(journal.firstSeq, after + 1)
  const length = Math.max(0, Math.min(limit, journal.lastSeq - from + 1))
  return Array.from({ length }, (_, index) => from + index)
}
