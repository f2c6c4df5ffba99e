import { type TransactionState, transactionStates } from '../transaction/state.ts'
import type { Seq } from '../transaction/transaction.ts'

const initialBytes = 1024

/**
 * One byte of state per retained seq, contiguous so that a search is one native scan. The value is the index in
 * {@link transactionStates}; 0 is `buffered`.
 */
export class StateBytes {
  #bytes = new Uint8Array(initialBytes)
  #base: Seq
  #length = 0
  #offset = 0
  readonly #counts: number[] = transactionStates.map(() => 0)

  /** `first` is the seq that the first byte stands for. */
  constructor(first: Seq) {
    this.#base = first
  }

  /** Adds `count` new seqs, all buffered. */
  extend(count: number): void {
    const needed = this.#offset + this.#length + count
    if (needed > this.#bytes.length) this.#makeRoom(this.#length + count)
    this.#bytes.fill(0, this.#offset + this.#length, this.#offset + this.#length + count)
    this.#length += count
    this.#counts[0] = this.#counts[0]! + count
  }

  get(seq: Seq): TransactionState {
    return transactionStates[this.#bytes[this.#offset + seq - this.#base]!]!
  }

  set(seq: Seq, state: TransactionState): void {
    const index = this.#offset + seq - this.#base
    const next = transactionStates.indexOf(state)
    const before = this.#bytes[index]!
    this.#counts[before] = this.#counts[before]! - 1
    this.#counts[next] = this.#counts[next]! + 1
    this.#bytes[index] = next
  }

  /** First seq in `from … to` whose state is not in `allowed`; undefined when all are. */
  firstOutside(from: Seq, to: Seq, allowed: readonly boolean[]): Seq | undefined {
    for (let seq = from; seq <= to; seq += 1) {
      if (allowed[this.#bytes[this.#offset + seq - this.#base]!] !== true) return seq
    }
    return undefined
  }

  search(state: TransactionState, after: Seq, limit: number): Seq[] {
    const found: Seq[] = []
    const wanted = transactionStates.indexOf(state)
    const live = this.#bytes.subarray(this.#offset, this.#offset + this.#length)
    let index = live.indexOf(wanted, Math.max(0, after + 1 - this.#base))
    while (index !== -1 && found.length < limit) {
      found.push(this.#base + index)
      index = live.indexOf(wanted, index + 1)
    }
    return found
  }

  /** Forgets every seq before `first`. */
  dropBefore(first: Seq): void {
    const dropped = Math.min(this.#length, first - this.#base)
    for (let index = this.#offset; index < this.#offset + dropped; index += 1) {
      const state = this.#bytes[index]!
      this.#counts[state] = this.#counts[state]! - 1
    }
    this.#offset += dropped
    this.#length -= dropped
    this.#base += dropped
  }

  count(state: TransactionState): number {
    return this.#counts[transactionStates.indexOf(state)]!
  }

  #makeRoom(length: number): void {
    const live = this.#bytes.subarray(this.#offset, this.#offset + this.#length)
    const target = new Uint8Array(Math.max(initialBytes, length + (length >>> 1)))
    target.set(live)
    this.#bytes = target
    this.#offset = 0
  }
}
