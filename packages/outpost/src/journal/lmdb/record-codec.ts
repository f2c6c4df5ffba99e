import type { Epoch, Seq, TransactionDraft, TransactionRecord } from '../../transaction/transaction.ts'

/** The body of a record: the draft as JSON. `seq`, `epoch` and time stand beside it and are not repeated. */
export function encodeDraft(draft: TransactionDraft): string {
  return JSON.stringify(draft)
}

/** Throws a SyntaxError when the body is not JSON. */
export function decodeRecord(body: string, seq: Seq, epoch: Epoch, bufferedAtMs: number): TransactionRecord {
  // Freshly parsed and owned by nobody else: filling it in place saves a copy per record.
  return Object.assign(JSON.parse(body) as TransactionDraft, { seq, epoch, bufferedAtMs })
}

export function recordOf(
  draft: TransactionDraft,
  seq: Seq,
  epoch: Epoch,
  bufferedAtMs: number,
): TransactionRecord {
  return { ...draft, seq, epoch, bufferedAtMs }
}
