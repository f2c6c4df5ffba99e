import type { Journal } from '../journal/journal.ts'
import type { Seq } from '../transaction/transaction.ts'

/** Confirmed transactions looked at for the floor that a restart begins with. */
const confirmedAtStart = 1_000

/** The newest that had been confirmed, ascending: what each statement has to prove after a restart, too (N17). */
export function newestConfirmed(journal: Journal): readonly Seq[] {
  const seqs: Seq[] = []
  for (let seq = journal.lastSeq; seq >= journal.firstSeq && seqs.length < confirmedAtStart; seq -= 1) {
    const { state } = journal.status(seq)
    if (state === 'replicated' || state === 'retained') seqs.push(seq)
  }
  return seqs.reverse()
}

/** One that had waited committed after its elders: a node that shows them need not show it. */
export function inCommitOrder(seqs: readonly Seq[], journal: Journal): readonly Seq[] {
  const order = seqs.map((seq) => ({ seq, atMs: journal.status(seq).appliedAtMs ?? 0 }))
  return order.sort((a, b) => a.atMs - b.atMs || a.seq - b.seq).map(({ seq }) => seq)
}
