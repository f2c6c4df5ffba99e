import type { Epoch, Seq } from '../transaction/transaction.ts'
import type { EpochRange, Journal } from './journal.ts'

/** The epoch that a seq was given out in. Of epochs that start at the same seq the last one holds it. */
export function epochOf(journal: Pick<Journal, 'epochs'>, seq: Seq): Epoch {
  const { epochs } = journal
  return (epochs.findLast(({ from }) => from <= seq) ?? (epochs[0] as EpochRange)).epoch
}

/** The epoch under which a settled transaction stands in the ledger: its own, unless that one was fenced off (N2). */
export function ledgerEpochOf(journal: Pick<Journal, 'epochs' | 'status'>, seq: Seq): Epoch {
  return journal.status(seq).epoch ?? epochOf(journal, seq)
}
