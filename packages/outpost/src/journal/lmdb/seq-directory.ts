import type { Seq } from '../../transaction/transaction.ts'

/** First seqs of the stored blocks, ascending, in one typed array: finds the block that holds a seq. */
export class SeqDirectory {
  #firsts = new Float64Array(64)
  #start = 0
  #end = 0

  get size(): number {
    return this.#end - this.#start
  }

  push(first: Seq): void {
    if (this.#end === this.#firsts.length) this.#makeRoom()
    this.#firsts[this.#end] = first
    this.#end += 1
  }

  /** Index of the block that holds this seq, counted from the oldest; -1 when the seq is older than all. */
  indexOf(seq: Seq): number {
    let low = this.#start
    let high = this.#end
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#firsts[middle]! <= seq) low = middle + 1
      else high = middle
    }
    return low - 1 - this.#start
  }

  at(index: number): Seq | undefined {
    return index >= 0 && index < this.size ? this.#firsts[this.#start + index] : undefined
  }

  dropOldest(): void {
    this.#start += 1
  }

  #makeRoom(): void {
    const live = this.#firsts.subarray(this.#start, this.#end)
    const target =
      live.length * 2 > this.#firsts.length ? new Float64Array(this.#firsts.length * 2) : this.#firsts
    if (target === this.#firsts) target.copyWithin(0, this.#start, this.#end)
    else target.set(live)
    this.#end -= this.#start
    this.#start = 0
    this.#firsts = target
  }
}
