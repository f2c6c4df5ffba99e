/**
 * Finds the slot of a pending row by the 64-bit hash of table and key: open addressing with linear probing over
 * one Int32Array. Deletion shifts the rest of the run back, so no tombstones pile up.
 */
export class SlotHash {
  #places: Int32Array
  #mask: number
  #count = 0
  readonly #highOf: (slot: number) => number
  readonly #lowOf: (slot: number) => number

  constructor(highOf: (slot: number) => number, lowOf: (slot: number) => number, capacity = 1024) {
    this.#highOf = highOf
    this.#lowOf = lowOf
    this.#places = new Int32Array(capacity).fill(-1)
    this.#mask = capacity - 1
  }

  /** The slot, or -1. */
  find(high: number, low: number): number {
    for (let place = low & this.#mask; ; place = (place + 1) & this.#mask) {
      const slot = this.#places[place]!
      if (slot === -1) return -1
      if (this.#lowOf(slot) === low && this.#highOf(slot) === high) return slot
    }
  }

  add(slot: number): void {
    if (this.#count * 4 >= this.#places.length * 3) this.#grow()
    this.#put(slot)
    this.#count++
  }

  remove(slot: number): void {
    let hole = this.#lowOf(slot) & this.#mask
    while (this.#places[hole] !== slot) hole = (hole + 1) & this.#mask
    for (let place = (hole + 1) & this.#mask; ; place = (place + 1) & this.#mask) {
      const other = this.#places[place]!
      if (other === -1) break
      const home = this.#lowOf(other) & this.#mask
      // Moves back unless its home lies cyclically after the hole.
      if (((place - home) & this.#mask) >= ((place - hole) & this.#mask)) {
        this.#places[hole] = other
        hole = place
      }
    }
    this.#places[hole] = -1
    this.#count--
  }

  #put(slot: number): void {
    let place = this.#lowOf(slot) & this.#mask
    while (this.#places[place] !== -1) place = (place + 1) & this.#mask
    this.#places[place] = slot
  }

  #grow(): void {
    const old = this.#places
    this.#places = new Int32Array(old.length * 2).fill(-1)
    this.#mask = this.#places.length - 1
    for (const slot of old) if (slot !== -1) this.#put(slot)
  }
}
