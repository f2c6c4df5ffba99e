import { PagedFloat64, PagedInt32 } from './paged.ts'

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
  readonly #seqs = new PagedFloat64()
  readonly #operations = new PagedInt32()
  readonly #slots = new PagedInt32()
  readonly #nextInSlot = new PagedInt32()
  readonly #nextOfSeq = new PagedInt32()
  #count = 0
  #free = -1

  add(seq: number, operation: number, slot: number, nextOfSeq: number): number {
    const entry = this.#take()
    this.#seqs.set(entry, seq)
    this.#operations.set(entry, operation)
    this.#slots.set(entry, slot)
    this.#nextInSlot.set(entry, -1)
    this.#nextOfSeq.set(entry, nextOfSeq)
    return entry
  }

  release(entry: number): void {
    this.#nextInSlot.set(entry, this.#free)
    this.#free = entry
  }

  seq(entry: number): number {
    return this.#seqs.get(entry)
  }

  slot(entry: number): number {
    return this.#slots.get(entry)
  }

  nextInSlot(entry: number): number {
    return this.#nextInSlot.get(entry)
  }

  nextOfSeq(entry: number): number {
    return this.#nextOfSeq.get(entry)
  }

  setNextInSlot(entry: number, next: number): void {
    this.#nextInSlot.set(entry, next)
  }

  /** True when `entry` comes before `other` in the journal. */
  isBefore(entry: number, other: number): boolean {
    const difference = this.#seqs.get(entry) - this.#seqs.get(other)
    return difference < 0 || (difference === 0 && this.#operations.get(entry) < this.#operations.get(other))
  }

  links(head: number, through = Number.POSITIVE_INFINITY): ChainLink[] {
    const links: ChainLink[] = []
    for (let entry = head; entry !== -1; entry = this.#nextInSlot.get(entry)) {
      if (this.#seqs.get(entry) > through) break
      links.push({ seq: this.#seqs.get(entry), operation: this.#operations.get(entry) })
    }
    return links
  }

  #take(): number {
    if (this.#free !== -1) {
      const entry = this.#free
      this.#free = this.#nextInSlot.get(entry)
      return entry
    }
    const entry = this.#count++
    this.#seqs.reserve(this.#count)
    this.#operations.reserve(this.#count)
    this.#slots.reserve(this.#count)
    this.#nextInSlot.reserve(this.#count)
    this.#nextOfSeq.reserve(this.#count)
    return entry
  }
}
