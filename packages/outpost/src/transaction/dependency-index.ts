import { hash64 } from './hash64.ts'
import { leftKeys } from './leaving.ts'
import { ReferrerLog } from './referrer-log.ts'
import type { Seq, TransactionDraft, TransactionRecord } from './transaction.ts'

const initialSlots = 1 << 10
/** Linear probing stays short up to here. */
const maximumLoad = 0.7
const maximumDistance = 2 ** 32 - 1

export interface DependencyOptions {
  /** True for a transaction that is known applied: nothing has to wait for it any more. */
  readonly isSettled?: (seq: Seq) => boolean
}

type Touch = Pick<TransactionRecord, 'seq' | 'writes' | 'references' | 'decision'>

/**
 * Who wrote a key last: key → newest seq, for finding what a new transaction depends on (N9); and, for what takes a
 * key away, who refers to it (P4).
 *
 * Invariant: for each key written by a record after the forgotten ones, the index holds the newest such seq; a decision
 * is older than what waits for it. Keys are
 * kept as 64-bit hashes in typed arrays, 12 bytes a slot and no object per key, so a million take 25 MB. Two keys with
 * one hash can only add a dependency, never hide one.
 */
export class DependencyIndex {
  #low = new Uint32Array(initialSlots)
  #high = new Uint32Array(initialSlots)
  /** Distance of each writer from `#base`, which halves their room; 0 marks a free slot. */
  #distances = new Uint32Array(initialSlots)
  /** Lies before every writer in the index, and moves up when the table is rebuilt. */
  #base: Seq | undefined
  #used = 0
  #forgottenThrough: Seq = 0
  /** Writers that were forgotten and are unsettled again, by key, and the newest of them. */
  readonly #returned = new Map<string, Seq>()
  #returnedThrough: Seq = 0
  readonly #referrers = new ReferrerLog()
  /** Referrers that were forgotten and are unsettled again, by key. */
  readonly #returnedReferrers = new Map<string, Set<Seq>>()
  readonly #hash = new Uint32Array(2)

  /** Slots in use, among them some that {@link forgetThrough} has emptied but not yet given back. */
  get size(): number {
    return this.#used
  }

  /** Bytes of the tables and of the log of referrers. */
  get bytes(): number {
    return this.#distances.length * 12 + this.#referrers.bytes
  }

  /** Takes in a record; records come in seq order. */
  add({ seq, writes, references, decision }: Touch): void {
    if (seq <= this.#forgottenThrough) return
    this.#referrers.add(seq, references)
    for (const key of writes) if (!decision?.followed?.includes(key)) this.#put(key, seq)
  }

  /** Main has lost these and may refuse them now: what touches their keys depends on them again. */
  putBack(records: readonly Touch[]): void {
    for (const { seq, writes, references, decision } of records) {
      if (seq > this.#forgottenThrough) continue
      this.#returnedThrough = Math.max(this.#returnedThrough, seq)
      for (const key of writes) {
        if (decision?.followed?.includes(key)) continue
        this.#returned.set(key, Math.max(seq, this.#returned.get(key) ?? 0))
      }
      for (const key of references) {
        const known = this.#returnedReferrers.get(key)
        if (known) known.add(seq)
        else this.#returnedReferrers.set(key, new Set([seq]))
      }
    }
  }

  /** A record that is in the index has these keys too, since tables have other names. */
  addNames({ seq, writes, references, decision }: Touch): void {
    if (seq <= this.#forgottenThrough || this.#base === undefined || seq <= this.#base) return
    for (const key of writes) if (!decision?.followed?.includes(key)) this.#put(key, seq)
    this.#returnedThrough = Math.max(this.#returnedThrough, seq)
    for (const key of references) {
      const known = this.#returnedReferrers.get(key)
      if (known) known.add(seq)
      else this.#returnedReferrers.set(key, new Set([seq]))
    }
  }

  /** The newest writer of this key that is not forgotten. */
  lastWriter(key: string): Seq | undefined {
    hash64(key, this.#hash)
    const distance = this.#distances[this.#find(this.#hash[0]!, this.#hash[1]!)]!
    const seq = (this.#base ?? 0) + distance
    return distance !== 0 && seq > this.#forgottenThrough ? seq : this.#returned.get(key)
  }

  /** All that refer to one of these keys and are not forgotten. */
  referrers(keys: readonly string[]): ReadonlySet<Seq> {
    if (keys.length === 0) return new Set()
    const returned = keys.flatMap((key) => [...(this.#returnedReferrers.get(key) ?? [])])
    return new Set([...returned, ...this.#referrers.of(keys)])
  }

  /**
   * The last writers of everything that the draft writes or refers to, and whatever refers to what it takes away:
   * ascending, each once, settled ones left out.
   */
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
    for (const seq of this.referrers(leftKeys(draft.references)))
      if (!options.isSettled?.(seq)) found.add(seq)
    return found.size < 2 ? [...found] : [...found].sort((a, b) => a - b)
  }

  /** Forgets all writers up to and including `seq`: they are settled. The room is given back when the table is next rebuilt. */
  forgetThrough(seq: Seq): void {
    this.#forgottenThrough = Math.max(this.#forgottenThrough, seq)
    this.#referrers.forgetThrough(seq)
    if (seq < this.#returnedThrough) return
    this.#returned.clear()
    this.#returnedReferrers.clear()
  }

  #put(key: string, seq: Seq): void {
    this.#base ??= seq - 1
    if (this.#used >= this.#distances.length * maximumLoad || seq - this.#base > maximumDistance)
      this.#rebuild()
    const distance = seq - this.#base
    if (distance < 1 || distance > maximumDistance)
      throw new RangeError(`Record ${seq} is out of order, or too far from ${this.#base}.`)
    hash64(key, this.#hash)
    const slot = this.#find(this.#hash[0]!, this.#hash[1]!)
    if (this.#distances[slot] === 0) this.#used++
    this.#set(slot, this.#hash[0]!, this.#hash[1]!, Math.max(distance, this.#distances[slot]!))
  }

  /** The slot of this hash, or the free one where it belongs. */
  #find(low: number, high: number): number {
    const mask = this.#distances.length - 1
    let slot = low & mask
    while (this.#distances[slot] !== 0 && (this.#low[slot] !== low || this.#high[slot] !== high))
      slot = (slot + 1) & mask
    return slot
  }

  #set(slot: number, low: number, high: number, distance: number): void {
    this.#low[slot] = low
    this.#high[slot] = high
    this.#distances[slot] = distance
  }

  /** Copies the living entries into a table that they fill by at most a third. */
  #rebuild(): void {
    const [low, high, distances] = [this.#low, this.#high, this.#distances]
    const base = this.#base ?? 0
    // Everything up to here is free or forgotten, so the base may move up by as much.
    const forgotten = Math.max(0, this.#forgottenThrough - base)
    let living = 0
    for (const distance of distances) if (distance > forgotten) living++
    let slots = initialSlots
    while (living > slots * maximumLoad * 0.6) slots *= 2
    this.#low = new Uint32Array(slots)
    this.#high = new Uint32Array(slots)
    this.#distances = new Uint32Array(slots)
    this.#used = living
    this.#base = base + forgotten
    for (let i = 0; i < distances.length; i++) {
      const distance = distances[i]!
      if (distance > forgotten)
        this.#set(this.#find(low[i]!, high[i]!), low[i]!, high[i]!, distance - forgotten)
    }
  }
}
