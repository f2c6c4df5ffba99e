import { nowhere, type SlabPlace } from './image-slab.ts'
import { SlotHash } from './slot-hash.ts'
import { grownInt32, grownUint8, grownUint32 } from './typed-growth.ts'

/** The newest image does not follow from the slab alone: another row's key is part of its history. */
export const movedFlag = 1
/** The chain holds an insert of the row. */
export const insertedFlag = 2

/** One slot per pending row in typed arrays, about 30 bytes each, found by the hash of table and key. */
export class SlotStore {
  #highs = new Int32Array(1024)
  #lows = new Int32Array(1024)
  #tables = new Int32Array(1024)
  #heads = new Int32Array(1024)
  #tails = new Int32Array(1024)
  #members = new Int32Array(1024)
  #places = new Uint32Array(1024)
  #flags = new Uint8Array(1024)
  #generations = new Uint8Array(1024)
  readonly #hash = new SlotHash(
    (slot) => this.#highs[slot]!,
    (slot) => this.#lows[slot]!,
  )
  #count = 0
  #free = -1

  find(high: number, low: number): number {
    return this.#hash.find(high, low)
  }

  add(high: number, low: number, table: number): number {
    const slot = this.#take()
    this.#highs[slot] = high
    this.#lows[slot] = low
    this.#tables[slot] = table
    this.#heads[slot] = -1
    this.#tails[slot] = -1
    this.#places[slot] = nowhere
    this.#flags[slot] = 0
    this.#hash.add(slot)
    return slot
  }

  /** Its generation moves on, so that what still points to it can tell. */
  release(slot: number): void {
    this.#hash.remove(slot)
    this.#generations[slot] = this.#generations[slot]! + 1
    this.#tables[slot] = -1
    this.#heads[slot] = this.#free
    this.#free = slot
  }

  /** -1 for a free slot. */
  generation(slot: number): number {
    return this.#tables[slot] === -1 ? -1 : this.#generations[slot]!
  }

  table(slot: number): number {
    return this.#tables[slot]!
  }

  head(slot: number): number {
    return this.#heads[slot]!
  }

  tail(slot: number): number {
    return this.#tails[slot]!
  }

  setChain(slot: number, head: number, tail: number): void {
    this.#heads[slot] = head
    this.#tails[slot] = tail
  }

  /** Its place among the rows of its table. */
  member(slot: number): number {
    return this.#members[slot]!
  }

  setMember(slot: number, member: number): void {
    this.#members[slot] = member
  }

  place(slot: number): SlabPlace {
    return this.#places[slot]!
  }

  setPlace(slot: number, place: SlabPlace): void {
    this.#places[slot] = place
  }

  has(slot: number, flag: number): boolean {
    return (this.#flags[slot]! & flag) !== 0
  }

  flag(slot: number, flag: number): void {
    this.#flags[slot]! |= flag
  }

  unflag(slot: number, flag: number): void {
    this.#flags[slot]! &= ~flag
  }

  #take(): number {
    if (this.#free !== -1) {
      const slot = this.#free
      this.#free = this.#heads[slot]!
      return slot
    }
    const slot = this.#count++
    const needed = this.#count
    this.#highs = grownInt32(this.#highs, needed)
    this.#lows = grownInt32(this.#lows, needed)
    this.#tables = grownInt32(this.#tables, needed)
    this.#heads = grownInt32(this.#heads, needed)
    this.#tails = grownInt32(this.#tails, needed)
    this.#members = grownInt32(this.#members, needed)
    this.#places = grownUint32(this.#places, needed)
    this.#flags = grownUint8(this.#flags, needed)
    this.#generations = grownUint8(this.#generations, needed)
    return slot
  }
}
