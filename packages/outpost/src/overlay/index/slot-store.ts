import { nowhere, type SlabPlace } from './image-slab.ts'
import { PagedInt32, PagedUint8 } from './paged.ts'
import { SlotHash } from './slot-hash.ts'

/** The newest image does not follow from the slab alone: another row's key is part of its history. */
export const movedFlag = 1
/** The chain holds an insert of the row. */
export const insertedFlag = 2

/** One slot per pending row in typed arrays, about 30 bytes each, found by the hash of table and key. */
export class SlotStore {
  readonly #highs = new PagedInt32()
  readonly #lows = new PagedInt32()
  readonly #tables = new PagedInt32()
  readonly #heads = new PagedInt32()
  readonly #tails = new PagedInt32()
  readonly #members = new PagedInt32()
  readonly #places = new PagedInt32()
  readonly #flags = new PagedUint8()
  readonly #generations = new PagedUint8()
  readonly #hash = new SlotHash(
    (slot) => this.#highs.get(slot),
    (slot) => this.#lows.get(slot),
  )
  #count = 0
  #free = -1

  find(high: number, low: number): number {
    return this.#hash.find(high, low)
  }

  add(high: number, low: number, table: number): number {
    const slot = this.#take()
    this.#highs.set(slot, high)
    this.#lows.set(slot, low)
    this.#tables.set(slot, table)
    this.#heads.set(slot, -1)
    this.#tails.set(slot, -1)
    this.#places.set(slot, nowhere)
    this.#flags.set(slot, 0)
    this.#hash.add(slot)
    return slot
  }

  /** Its generation moves on, so that what still points to it can tell. */
  release(slot: number): void {
    this.#hash.remove(slot)
    this.#generations.set(slot, this.#generations.get(slot) + 1)
    this.#tables.set(slot, -1)
    this.#heads.set(slot, this.#free)
    this.#free = slot
  }

  /** -1 for a free slot. */
  generation(slot: number): number {
    return this.#tables.get(slot) === -1 ? -1 : this.#generations.get(slot)
  }

  table(slot: number): number {
    return this.#tables.get(slot)
  }

  head(slot: number): number {
    return this.#heads.get(slot)
  }

  tail(slot: number): number {
    return this.#tails.get(slot)
  }

  setChain(slot: number, head: number, tail: number): void {
    this.#heads.set(slot, head)
    this.#tails.set(slot, tail)
  }

  /** Its place among the rows of its table. */
  member(slot: number): number {
    return this.#members.get(slot)
  }

  setMember(slot: number, member: number): void {
    this.#members.set(slot, member)
  }

  place(slot: number): SlabPlace {
    return this.#places.get(slot) >>> 0
  }

  setPlace(slot: number, place: SlabPlace): void {
    this.#places.set(slot, place)
  }

  has(slot: number, flag: number): boolean {
    return (this.#flags.get(slot) & flag) !== 0
  }

  flag(slot: number, flag: number): void {
    this.#flags.set(slot, this.#flags.get(slot) | flag)
  }

  unflag(slot: number, flag: number): void {
    this.#flags.set(slot, this.#flags.get(slot) & ~flag)
  }

  #take(): number {
    if (this.#free !== -1) {
      const slot = this.#free
      this.#free = this.#heads.get(slot)
      return slot
    }
    const slot = this.#count++
    const needed = this.#count
    this.#highs.reserve(needed)
    this.#lows.reserve(needed)
    this.#tables.reserve(needed)
    this.#heads.reserve(needed)
    this.#tails.reserve(needed)
    this.#members.reserve(needed)
    this.#places.reserve(needed)
    this.#flags.reserve(needed)
    this.#generations.reserve(needed)
    return slot
  }
}
