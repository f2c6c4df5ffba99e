import { grownFloat64, grownInt32 } from './typed-growth.ts'

/** One pending operation of one row. */
export interface ChainLink {
  readonly seq: number
  /** Place of the operation in its transaction. */
  readonly operation: number
}

/**
 * The pending operations as linked entries in typed arrays, 24 bytes each: every entry stands in the chain of its
 * row (oldest first) and in the list of its transaction. Freed entries are used again.
 */
export class ChainStore {
  #seqs = new Float64Array(1024)
  #operations = new Int32Array(1024)
  #slots = new Int32Array(1024)
  #nextInSlot = new Int32Array(1024)
  #nextOfSeq = new Int32Array(1024)
  #count = 0
  #free = -1

  add(seq: number, operation: number, slot: number, nextOfSeq: number): number {
    const entry = this.#take()
    this.#seqs[entry] = seq
    this.#operations[entry] = operation
    this.#slots[entry] = slot
    this.#nextInSlot[entry] = -1
    this.#nextOfSeq[entry] = nextOfSeq
    return entry
  }

  release(entry: number): void {
    this.#nextInSlot[entry] = this.#free
    this.#free = entry
  }

  seq(entry: number): number {
    return this.#seqs[entry]!
  }

  slot(entry: number): number {
    return this.#slots[entry]!
  }

  nextInSlot(entry: number): number {
    return this.#nextInSlot[entry]!
  }

  nextOfSeq(entry: number): number {
    return this.#nextOfSeq[entry]!
  }

  setNextInSlot(entry: number, next: number): void {
    this.#nextInSlot[entry] = next
  }

  /** True when `entry` comes before `other` in the journal. */
  isBefore(entry: number, other: number): boolean {
    const difference = this.#seqs[entry]! - this.#seqs[other]!
    return difference < 0 || (difference === 0 && this.#operations[entry]! < this.#operations[other]!)
  }

  links(head: number, through = Number.POSITIVE_INFINITY): ChainLink[] {
    const links: ChainLink[] = []
    for (let entry = head; entry !== -1; entry = this.#nextInSlot[entry]!) {
      if (this.#seqs[entry]! > through) break
      links.push({ seq: this.#seqs[entry]!, operation: this.#operations[entry]! })
    }
    return links
  }

  #take(): number {
    if (this.#free !== -1) {
      const entry = this.#free
      this.#free = this.#nextInSlot[entry]!
      return entry
    }
    const entry = this.#count++
    this.#seqs = grownFloat64(this.#seqs, this.#count)
    this.#operations = grownInt32(this.#operations, this.#count)
    this.#slots = grownInt32(this.#slots, this.#count)
    this.#nextInSlot = grownInt32(this.#nextInSlot, this.#count)
    this.#nextOfSeq = grownInt32(this.#nextOfSeq, this.#count)
    return entry
  }
}
