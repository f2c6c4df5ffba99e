import { hash64 } from './hash64.ts'
import type { Seq, TransactionDraft } from './transaction.ts'

const initialSlots = 1 << 10
/** Linear probing stays short up to here. */
const maximumLoad = 0.7

export interface DependencyOptions {
  /** True for a transaction that is known applied: nothing has to wait for it any more. */
  readonly isSettled?: (seq: Seq) => boolean
}

/**
 * Who wrote a key last: key → newest seq, for finding what a new transaction depends on (N9).
 *
 * Invariant: for each key written by a record after the forgotten ones, the index holds the newest such seq. Keys are
 * kept as 64-bit hashes in typed arrays, 16 bytes a slot and no object per key, so a million take 34 MB. Two keys with
 * one hash can only add a dependency, never hide one.
 */
export class DependencyIndex {
  #low = new Uint32Array(initialSlots)
  #high = new Uint32Array(initialSlots)
  /** 0 marks a free slot: seqs start at 1. */
  #seqs = new Float64Array(initialSlots)
  #used = 0
  #forgottenThrough: Seq = 0
  readonly #hash = new Uint32Array(2)

  /** Slots in use, among them some that {@link forgetThrough} has emptied but not yet given back. */
  get size(): number {
    return this.#used
  }

  /** Bytes of the tables. */
  get bytes(): number {
    return this.#seqs.length * 16
  }

  /** Takes in a record; records come in seq order. */
  add(record: { readonly seq: Seq; readonly writes: readonly string[] }): void {
    for (const key of record.writes) this.#put(key, record.seq)
  }

  /** The newest writer of this key that is not forgotten. */
  lastWriter(key: string): Seq | undefined {
    hash64(key, this.#hash)
    const seq = this.#seqs[this.#find(this.#hash[0]!, this.#hash[1]!)]!
    return seq > this.#forgottenThrough ? seq : undefined
  }

  /** The last writers of everything that the draft writes or refers to: ascending, each once, settled ones left out. */
  dependsOn(
    draft: Pick<TransactionDraft, 'writes' | 'references'>,
    options: DependencyOptions = {},
  ): readonly Seq[] {
    const found = new Set<Seq>()
    for (const keys of [draft.writes, draft.references]) {
      for (const key of keys) {
        const seq = this.lastWriter(key)
        if (seq !== undefined && !options.isSettled?.(seq)) found.add(seq)
      }
    }
    return found.size < 2 ? [...found] : [...found].sort((a, b) => a - b)
  }

  /** Forgets all writers up to and including `seq`: they are settled. The room is given back when the table is next rebuilt. */
  forgetThrough(seq: Seq): void {
    this.#forgottenThrough = Math.max(this.#forgottenThrough, seq)
  }

  #put(key: string, seq: Seq): void {
    if (this.#used >= this.#seqs.length * maximumLoad) this.#rebuild()
    hash64(key, this.#hash)
    const slot = this.#find(this.#hash[0]!, this.#hash[1]!)
    if (this.#seqs[slot] === 0) this.#used++
    this.#set(slot, this.#hash[0]!, this.#hash[1]!, Math.max(seq, this.#seqs[slot]!))
  }

  /** The slot of this hash, or the free one where it belongs. */
  #find(low: number, high: number): number {
    const mask = this.#seqs.length - 1
    let slot = low & mask
    while (this.#seqs[slot] !== 0 && (this.#low[slot] !== low || this.#high[slot] !== high))
      slot = (slot + 1) & mask
    return slot
  }

  #set(slot: number, low: number, high: number, seq: Seq): void {
    this.#low[slot] = low
    this.#high[slot] = high
    this.#seqs[slot] = seq
  }

  /** Copies the living entries into a table that they fill by at most a third. */
  #rebuild(): void {
    const [low, high, seqs] = [this.#low, this.#high, this.#seqs]
    let living = 0
    for (const seq of seqs) if (seq > this.#forgottenThrough) living++
    let slots = initialSlots
    while (living > slots * maximumLoad * 0.6) slots *= 2
    this.#low = new Uint32Array(slots)
    this.#high = new Uint32Array(slots)
    this.#seqs = new Float64Array(slots)
    this.#used = living
    for (let i = 0; i < seqs.length; i++) {
      if (seqs[i]! > this.#forgottenThrough)
        this.#set(this.#find(low[i]!, high[i]!), low[i]!, high[i]!, seqs[i]!)
    }
  }
}
