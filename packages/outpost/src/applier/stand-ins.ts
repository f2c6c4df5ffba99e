import type { Journal } from '../journal/journal.ts'
import type { Seq } from '../transaction/transaction.ts'

/** What operators have decided or are about to, as the applier must know it at once (N3). */
export interface Decided {
  /** What stands in the order for this transaction: the newest decision about it, else itself. */
  standIn(seq: Seq): Seq
  /** A decision about it is being recorded: it must not go back in line meanwhile. */
  isClaimed(seq: Seq): boolean
}

/** As the journal's statuses have it; nothing is being decided. */
export function decidedIn(journal: Pick<Journal, 'status'>): Decided {
  return { standIn: (seq) => standInOf(journal, seq), isClaimed: () => false }
}

/** Follows a replay of a replay to the newest; a decision is always newer than what it decides on. */
export function standInOf(journal: Pick<Journal, 'status'>, seq: Seq): Seq {
  let current = seq
  for (;;) {
    const { decidedBy } = journal.status(current)
    if (decidedBy === undefined) return current
    current = decidedBy
  }
}
