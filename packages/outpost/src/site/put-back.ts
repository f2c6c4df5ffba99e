import { isShownBy, lookAtReplica, type ReplicaLook, type ReplicaQuery } from '../applier/replica-look.ts'
import type { Journal } from '../journal/journal.ts'
import { ledgerEpochOf } from '../journal/ledger-epoch.ts'
import type { Overlay } from '../overlay/overlay.ts'
import { isPending } from '../transaction/state.ts'
import type { Seq } from '../transaction/transaction.ts'

export interface PutBackOptions {
  readonly siteName: string
  readonly journal: Pick<Journal, 'epochs' | 'firstSeq' | 'getMany' | 'seqsIn' | 'status'>
  readonly overlay: Pick<Overlay, 'putBack' | 'takeOut'>
  readonly lineage: () => string | undefined
  readonly query: ReplicaQuery
}

/** Looked for at once. */
const windowSize = 5_000
/** Records read and put back at once. */
const chunkSize = 1_000

/**
 * Confirmed transactions that are over the nodes again, because one of them may lack what another had shown (N15,
 * N17). They keep their state; each leaves the overlay again once the replica shows its ledger row.
 *
 * Invariants: holds exactly the seqs that are in the overlay although their state is past `applied`. No transaction
 * leaves the overlay while an elder one is put back: an old patch over a newer row would turn that row back.
 */
export class PutBack {
  readonly #options: PutBackOptions
  readonly #seqs = new Set<Seq>()
  /** The same in order, as of the last window; those before the cursor have left again. */
  #ordered: readonly Seq[] = []
  #cursor = 0
  #isOrdered = true
  /** Oldest seq that left the overlay since everything was put back; nothing to put back when undefined. */
  #outFrom: Seq | undefined
  #working: Promise<void> | undefined

  constructor(options: PutBackOptions) {
    this.#options = options
    this.#outFrom = options.journal.firstSeq
  }

  get size(): number {
    return this.#seqs.size
  }

  /** These were read on the replica and leave the overlay: at once, or in their turn behind what is put back. */
  confirmed(seqs: readonly Seq[]): void {
    if (this.#seqs.size === 0 && this.#working === undefined) this.#takeOut(seqs)
    else for (const seq of seqs) this.#add(seq)
  }

  /** Everything that the journal retains shadows the nodes again; at once when nothing left since the last time. */
  all(): Promise<void> {
    if (this.#working !== undefined) return this.#working
    const from = this.#outFrom
    if (from === undefined) return Promise.resolve()
    this.#outFrom = undefined
    this.#working = this.#putBack(from)
      .catch((error: unknown) => {
        this.#outFrom = Math.min(from, this.#outFrom ?? from)
        throw error
      })
      .finally(() => {
        this.#working = undefined
      })
    return this.#working
  }

  /**
   * Newest first: at every moment the overlay then holds all that is newer than its floor, so that a read in between
   * either sees everything or is refused by the floor.
   */
  async #putBack(from: Seq): Promise<void> {
    const { journal, overlay } = this.#options
    const isBack = (seq: Seq) => {
      const { state } = journal.status(seq)
      return (state === 'replicated' || state === 'retained') && !this.#seqs.has(seq)
    }
    const seqs = [
      ...journal.seqsIn('retained', { after: from - 1 }),
      ...journal.seqsIn('replicated', { after: from - 1 }),
    ].sort((a, b) => a - b)
    for (let end = seqs.length; end > 0; end -= chunkSize) {
      const records = await journal.getMany(seqs.slice(Math.max(0, end - chunkSize), end))
      const back = records.filter(({ seq }) => isBack(seq))
      for (const { seq } of back) this.#add(seq)
      if (back.length > 0) overlay.putBack(back)
    }
  }

  /** One look at the replica; true when some are still to be found there. */
  async look(): Promise<boolean> {
    const { journal, siteName, query } = this.#options
    const lineage = this.#options.lineage()
    if (this.#seqs.size === 0 || lineage === undefined || this.#working !== undefined) return false
    const seqs = this.#window()
    const first = seqs[0]
    const last = seqs.at(-1)
    if (first === undefined || last === undefined) return false
    const epochs = [...new Set(seqs.map((seq) => ledgerEpochOf(journal, seq)))]
    const look = await lookAtReplica(query, lineage, siteName, epochs, first, last)
    // What is being put back meanwhile is elder than what was looked for.
    if (!look.hasLineage || this.#working !== undefined) return true
    // Main may have lost one of them while the replica was asked: then it is the applier's again.
    const still = seqs.filter((seq) => !isPending(journal.status(seq).state))
    const missing = still.findIndex((seq) => !this.#isShown(seq, look))
    const found = missing === -1 ? still : still.slice(0, missing)
    for (const seq of found) this.#seqs.delete(seq)
    this.#takeOut(found)
    return this.#seqs.size > 0
  }

  #isShown(seq: Seq, look: ReplicaLook): boolean {
    const { journal } = this.#options
    const status = journal.status(seq)
    // The journal drops only what every node that matters has.
    if (status.state === 'gone') return true
    const { lineage } = status
    return isShownBy(
      look.islands,
      { epoch: ledgerEpochOf(journal, seq), seq, lineage },
      lineage === undefined,
    )
  }

  #takeOut(seqs: readonly Seq[]): void {
    this.#options.overlay.takeOut(seqs)
    for (const seq of seqs) this.#outFrom = Math.min(this.#outFrom ?? seq, seq)
  }

  #add(seq: Seq): void {
    this.#seqs.add(seq)
    this.#isOrdered = false
  }

  /** Oldest first; those that main lost meanwhile are the applier's and the confirmer's again. */
  #window(): readonly Seq[] {
    if (!this.#isOrdered) {
      this.#ordered = [...this.#seqs].sort((a, b) => a - b)
      this.#cursor = 0
      this.#isOrdered = true
    }
    const { journal } = this.#options
    const window: Seq[] = []
    while (this.#cursor < this.#ordered.length && !this.#seqs.has(this.#ordered[this.#cursor]!))
      this.#cursor++
    for (let index = this.#cursor; index < this.#ordered.length && window.length < windowSize; index++) {
      const seq = this.#ordered[index]!
      if (!this.#seqs.has(seq)) continue
      if (isPending(journal.status(seq).state)) this.#seqs.delete(seq)
      else window.push(seq)
    }
    return window
  }
}
