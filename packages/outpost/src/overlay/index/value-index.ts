import { PagedInt32, PagedUint8 } from './paged.ts'

/**
 * Which slots ever held a value in an indexed column: chained hash over typed arrays, 17 bytes a value.
 *
 * It answers a superset. A value that a row no longer holds stays until the next sweep, and a slot given to another
 * row is told apart by its generation; whoever asks looks at the row itself.
 */
export class ValueIndex {
  #buckets = new Int32Array(1024).fill(-1)
  readonly #hashes = new PagedInt32()
  readonly #slots = new PagedInt32()
  readonly #generations = new PagedUint8()
  readonly #next = new PagedInt32()
  #count = 0
  #sweepAt = 1024
  readonly #generationOf: (slot: number) => number

  /** `generationOf` is the slot's current generation, or -1 when it is free. */
  constructor(generationOf: (slot: number) => number) {
    this.#generationOf = generationOf
  }

  add(hash: number, slot: number): void {
    if (this.#count >= this.#sweepAt) this.#sweep()
    const node = this.#count++
    this.#hashes.reserve(this.#count)
    this.#slots.reserve(this.#count)
    this.#next.reserve(this.#count)
    this.#generations.reserve(this.#count)
    this.#set(node, hash, slot, this.#generationOf(slot))
  }

  /** Calls back with each slot that may hold the value, sometimes twice. */
  each(hash: number, found: (slot: number) => void): void {
    let node = this.#buckets[hash & (this.#buckets.length - 1)]!
    for (; node !== -1; node = this.#next.get(node)) {
      if (this.#hashes.get(node) !== hash) continue
      const slot = this.#slots.get(node)
      if (this.#generations.get(node) === this.#generationOf(slot)) found(slot)
    }
  }

  #set(node: number, hash: number, slot: number, generation: number): void {
    const bucket = hash & (this.#buckets.length - 1)
    this.#hashes.set(node, hash)
    this.#slots.set(node, slot)
    this.#generations.set(node, generation)
    this.#next.set(node, this.#buckets[bucket]!)
    this.#buckets[bucket] = node
  }

  /** Drops what freed slots left behind; the next sweep comes when the rest has doubled. */
  #sweep(): void {
    const before = this.#count
    let live = 0
    for (let node = 0; node < before; node++) {
      const slot = this.#slots.get(node)
      if (this.#generations.get(node) === this.#generationOf(slot)) live++
    }
    this.#sweepAt = Math.max(1024, live * 2)
    let size = 1024
    while (size * 2 < this.#sweepAt) size *= 2
    this.#buckets = new Int32Array(size).fill(-1)
    this.#count = 0
    for (let node = 0; node < before; node++) {
      const slot = this.#slots.get(node)
      const generation = this.#generations.get(node)
      if (generation !== this.#generationOf(slot)) continue
      // Nodes only move down, so nothing unread is overwritten.
      this.#set(this.#count++, this.#hashes.get(node), slot, generation)
    }
  }
}
