import { hash64 } from './hash64.ts'
import type { Seq } from './transaction.ts'

const initialLength = 1 << 10
const maximumDistance = 2 ** 32 - 1

/**
 * Who refers to a key: all of them, not only the newest, since an elder one may wait while the newest has settled.
 *
 * Invariant: holds each reference of every record after the forgotten ones, in seq order. A reference takes 12 bytes
 * and a look-up reads them all, a few milliseconds a million: only what takes a key away looks. Two keys with one hash
 * (of 53 bits) can only add a referrer, never hide one.
 */
export class ReferrerLog {
  #hashes = new Float64Array(initialLength)
  /** Distance of each referrer from `#base`. */
  #distances = new Uint32Array(initialLength)
  #length = 0
  #base: Seq = 0
  #forgottenThrough: Seq = 0
  readonly #words = new Uint32Array(2)

  /** References held, among them some that {@link forgetThrough} has not given back yet. */
  get size(): number {
    return this.#length
  }

  get bytes(): number {
    return this.#hashes.byteLength + this.#distances.byteLength
  }

  /** References of one record; records come in seq order. */
  add(seq: Seq, keys: readonly string[]): void {
    if (this.#length === 0) this.#base = seq
    for (const key of keys) {
      if (this.#length === this.#hashes.length || seq - this.#base > maximumDistance) this.#makeRoom(seq)
      this.#hashes[this.#length] = this.#hash(key)
      this.#distances[this.#length] = seq - this.#base
      this.#length++
    }
  }

  /** All that refer to one of the keys, each once, ascending. */
  of(keys: readonly string[]): ReadonlySet<Seq> {
    const wanted = new Set(keys.map((key) => this.#hash(key)))
    const found = new Set<Seq>()
    if (wanted.size === 0) return found
    for (let index = this.#firstKept(); index < this.#length; index++)
      if (wanted.has(this.#hashes[index]!)) found.add(this.#base + this.#distances[index]!)
    return found
  }

  /** Forgets all referrers up to and including `seq`: they are settled. */
  forgetThrough(seq: Seq): void {
    this.#forgottenThrough = Math.max(this.#forgottenThrough, seq)
    if (this.#length > 0 && this.#firstKept() === this.#length) this.#length = 0
  }

  /** Drops what is forgotten, and grows by half where that is not enough. */
  #makeRoom(seq: Seq): void {
    const first = this.#firstKept()
    const base = first < this.#length ? this.#base + this.#distances[first]! : seq
    if (seq - base > maximumDistance) throw new RangeError(`Record ${seq} is too far from ${base}.`)
    const length = this.#length - first
    const room = Math.max(initialLength, Math.ceil(length * 1.5))
    const hashes = new Float64Array(room)
    const distances = new Uint32Array(room)
    hashes.set(this.#hashes.subarray(first, this.#length))
    for (let index = 0; index < length; index++)
      distances[index] = this.#base + this.#distances[first + index]! - base
    this.#hashes = hashes
    this.#distances = distances
    this.#length = length
    this.#base = base
  }

  /** Place of the first reference that is not forgotten. */
  #firstKept(): number {
    let [low, high] = [0, this.#length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#base + this.#distances[middle]! > this.#forgottenThrough) high = middle
      else low = middle + 1
    }
    return low
  }

  #hash(key: string): number {
    hash64(key, this.#words)
    return (this.#words[1]! & 0x1fffff) * 2 ** 32 + this.#words[0]!
  }
}
