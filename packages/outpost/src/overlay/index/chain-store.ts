import { PagedFloat64, PagedInt32 } from './paged.ts'

/** One pending operation of one row. */
export interface ChainLink {
  readonly seq: number
  /** Where it is read: its own seq, or that of the transaction whose place a replay takes (N3). */
  readonly place: number
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
  /** Entries that are read at another place than their own seq; nearly always none. */
  readonly #places = new Map<number, number>()
  #count = 0
  #free = -1

  add(seq: number, operation: number, slot: number, nextOfSeq: number, place = seq): number {
    const entry = this.#take()
    if (place !== seq) this.#places.set(entry, place)
    this.#seqs.set(entry, seq)
    this.#operations.set(entry, operation)
    this.#slots.set(entry, slot)
    this.#nextInSlot.set(entry, -1)
    this.#nextOfSeq.set(entry, nextOfSeq)
    return entry
  }

  release(entry: number): void {
    if (this.#places.size > 0) this.#places.delete(entry)
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

  /** Whether every entry is read where it stands in the journal. */
  get isInOrder(): boolean {
    return this.#places.size === 0
  }

  /** True when `entry` is read before `other`. */
  isBefore(entry: number, other: number): boolean {
    const places = this.isInOrder ? 0 : this.#place(entry) - this.#place(other)
    if (places !== 0) return places < 0
    const difference = this.#seqs.get(entry) - this.#seqs.get(other)
    return difference < 0 || (difference === 0 && this.#operations.get(entry) < this.#operations.get(other))
  }

  links(head: number, through = Number.POSITIVE_INFINITY): ChainLink[] {
    const links: ChainLink[] = []
    for (let entry = head; entry !== -1; entry = this.#nextInSlot.get(entry)) {
      const seq = this.#seqs.get(entry)
      if (seq <= through)
        links.push({ seq, place: this.#place(entry), operation: this.#operations.get(entry) })
      else if (this.isInOrder) break
    }
    return links
  }

  #place(entry: number): number {
    return this.#places.get(entry) ?? this.#seqs.get(entry)
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
