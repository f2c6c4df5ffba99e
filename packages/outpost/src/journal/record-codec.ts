import type { Epoch, Seq, TransactionDraft, TransactionRecord } from '../transaction/transaction.ts'

/** The body of a record: the draft as JSON. `seq`, `epoch` and time stand beside it and are not repeated. */
export function encodeDraft(draft: TransactionDraft): string {
  return JSON.stringify(draft)
}

/** Throws a SyntaxError when the body is not JSON. */
export function decodeRecord(body: string, seq: Seq, epoch: Epoch, bufferedAtMs: number): TransactionRecord {
  // Freshly parsed and owned by nobody else: filling it in place saves a copy per record.
  return Object.assign(JSON.parse(body) as TransactionDraft, { seq, epoch, bufferedAtMs })
}

/** The record of a draft, built property by property: a spread of this many costs more than the rest of an append. */
export function recordOf(
  draft: TransactionDraft,
  seq: Seq,
  epoch: Epoch,
  bufferedAtMs: number,
): TransactionRecord {
  const record: Mutable<TransactionRecord> = {
    id: draft.id,
    operations: draft.operations,
    digest: draft.digest,
    writes: draft.writes,
    references: draft.references,
    dependsOn: draft.dependsOn,
    catalogVersion: draft.catalogVersion,
    flags: draft.flags,
    seq,
    epoch,
    bufferedAtMs,
  }
  if (draft.schemaVersion !== undefined) record.schemaVersion = draft.schemaVersion
  if (draft.idempotency !== undefined) record.idempotency = draft.idempotency
  if (draft.answer !== undefined) record.answer = draft.answer
  if (draft.replaces !== undefined) record.replaces = draft.replaces
  if (draft.decision !== undefined) record.decision = draft.decision
  if (draft.actor !== undefined) record.actor = draft.actor
  if (draft.stamp !== undefined) record.stamp = draft.stamp
  return record
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }
