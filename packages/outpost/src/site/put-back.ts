import { lookAtReplica, type ReplicaQuery } from '../applier/replica-look.ts'
import type { Journal } from '../journal/journal.ts'
import type { Overlay } from '../overlay/overlay.ts'
import { isPending } from '../transaction/state.ts'
import type { Epoch, Seq, TransactionRecord } from '../transaction/transaction.ts'
import { epochOf } from './site-tokens.ts'

export interface PutBackOptions {
  readonly siteName: string
  readonly journal: Journal
  readonly overlay: Overlay
  readonly lineage: () => string | undefined
  /** Under which epoch a record of this epoch stands in the ledger. */
  readonly ledgerEpoch: (epoch: Epoch) => Epoch
  readonly query: ReplicaQuery
}

/** Looked for at once. */
const windowSize = 5_000

/**
 * Confirmed transactions that are over the nodes again, because one of them may lack what another had shown (N15,
 * N17). They keep their state; each leaves the overlay again once the replica shows its ledger row.
 *
 * Invariant: holds exactly the seqs that are in the overlay although their state is past `applied`.
 */
export class PutBack {
  readonly #options: PutBackOptions
  readonly #seqs = new Set<Seq>()
  /** Oldest seq that left the overlay since everything was put back; nothing to put back when undefined. */
  #outFrom: Seq | undefined
  #working: Promise<void> | undefined

  constructor(options: PutBackOptions) {
    this.#options = options
    this.#outFrom = options.journal.firstSeq
  }

  /** To be told of everything that leaves the overlay. */
  noteTakenOut(seqs: readonly Seq[]): void {
    for (const seq of seqs) this.#outFrom = Math.min(this.#outFrom ?? seq, seq)
  }

  get size(): number {
    return this.#seqs.size
  }

  /** Everything that the journal retains shadows the nodes again; at once when nothing left since the last time. */
  all(): Promise<void> {
    this.#working ??= this.#putBack().finally(() => {
      this.#working = undefined
    })
    return this.#working
  }

  async #putBack(): Promise<void> {
    const { journal, overlay } = this.#options
    const from = this.#outFrom
    if (from === undefined) return
    this.#outFrom = undefined
    for await (const records of journal.scan(Math.max(from, journal.firstSeq))) {
      const back: TransactionRecord[] = []
      for (const record of records) {
        const { state } = journal.status(record.seq)
        if ((state === 'replicated' || state === 'retained') && !this.#seqs.has(record.seq)) back.push(record)
      }
      for (const record of back) this.#seqs.add(record.seq)
      if (back.length > 0) overlay.putBack(back)
    }
  }

  /** One look at the replica; true when some are still to be found there. */
  async look(): Promise<boolean> {
    const { journal, overlay, siteName, query, ledgerEpoch } = this.#options
    const lineage = this.#options.lineage()
    if (this.#seqs.size === 0 || lineage === undefined) return false
    const seqs = this.#window()
    const first = seqs[0]
    const last = seqs.at(-1)
    if (first === undefined || last === undefined) return false
    const epochs = [...new Set(seqs.map((seq) => ledgerEpoch(epochOf(journal, seq))))]
    const look = await lookAtReplica(query, lineage, siteName, epochs, first, last)
    if (!look.hasLineage) return true
    const found = seqs.filter((seq) => {
      const epoch = ledgerEpoch(epochOf(journal, seq))
      const expected = journal.status(seq).lineage
      return look.islands.some(
        (island) =>
          island.epoch === epoch &&
          (expected === undefined || island.lineage === expected) &&
          seq >= island.from &&
          seq <= island.to,
      )
    })
    for (const seq of found) this.#seqs.delete(seq)
    overlay.takeOut(found)
    this.noteTakenOut(found)
    return this.#seqs.size > 0
  }

  /** Oldest first; those that main lost meanwhile are the applier's and the confirmer's again. */
  #window(): readonly Seq[] {
    const { journal } = this.#options
    const window: Seq[] = []
    for (const seq of [...this.#seqs].sort((a, b) => a - b)) {
      if (isPending(journal.status(seq).state)) this.#seqs.delete(seq)
      else if (window.length < windowSize) window.push(seq)
    }
    return window
  }
}
