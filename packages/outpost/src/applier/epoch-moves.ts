import type { Journal } from '../journal/journal.ts'
import type { Epoch, Seq } from '../transaction/transaction.ts'

const fact = 'moved_epochs'

/**
 * Epochs in which a seq turned out to stand for another transaction on main (N2), each with the epoch under which
 * their transactions are sent since. Kept as a durable fact, because the decision must outlive the process.
 */
export class EpochMoves {
  readonly #journal: Journal
  readonly #moves: Map<Epoch, Epoch>

  constructor(journal: Journal) {
    this.#journal = journal
    this.#moves = new Map(Object.entries(JSON.parse(journal.getFact(fact) ?? '{}') as Record<string, string>))
  }

  /** The epoch under which a record of this epoch is sent now. */
  current(epoch: Epoch): Epoch {
    let found = epoch
    for (let next = this.#moves.get(found); next !== undefined; next = this.#moves.get(found)) found = next
    return found
  }

  /** True when seqs of this epoch say nothing on main, so that its transactions are looked up by id. */
  isMoved(epoch: Epoch): boolean {
    return this.#moves.has(epoch)
  }

  /** True when transactions of other epochs are sent under this one. */
  isTarget(epoch: Epoch): boolean {
    for (const target of this.#moves.values()) if (target === epoch) return true
    return false
  }

  async move(from: Epoch, to: Epoch): Promise<void> {
    const source = this.current(from)
    if (source === to) return
    this.#moves.set(source, to)
    await this.#journal.setFact(fact, JSON.stringify(Object.fromEntries(this.#moves)))
  }
}

/** Pure: the journal's epochs with the seqs that each gave out, both ends inclusive. */
export function epochBounds(
  journal: Pick<Journal, 'epochs' | 'lastSeq'>,
): readonly { readonly epoch: Epoch; readonly from: Seq; readonly to: Seq }[] {
  return journal.epochs.map((range, index) => ({
    epoch: range.epoch,
    from: range.from,
    to: (journal.epochs[index + 1]?.from ?? journal.lastSeq + 1) - 1,
  }))
}
