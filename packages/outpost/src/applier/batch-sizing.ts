import type { FormedBatch } from './batch-draft.ts'
import {
  afterFailure,
  afterSuccess,
  atMost,
  type BatchSize,
  batchLimits,
  firstSize,
  presumedSize,
} from './batch-size.ts'
import { type CallsSetting, callsUnderWay, type Pace, sharedSize } from './calls-under-way.ts'

/** Of main before any CALL has told: about what a plain server needs. */
const presumedMsPerTransaction = 0.05

/** How much the next CALL carries, from what the link and main have shown so far (N12). */
export class BatchSizing {
  /** Undefined until the first CALL has ended. */
  #size: BatchSize | undefined
  #roundTripMs: number | undefined
  #msPerTransaction = presumedMsPerTransaction
  readonly #largest: BatchSize | undefined

  constructor(largest?: BatchSize) {
    this.#largest = largest
  }

  /** What one CALL alone may carry. */
  get size(): BatchSize {
    return this.#limited(this.#size ?? firstSize(this.#roundTripMs ?? 0))
  }

  /** What each of so many under way may carry. */
  sizeOf(calls: number): BatchSize {
    return sharedSize(this.size, calls, this.#pace)
  }

  /** Of the batch that is formed while a full one is under way. */
  presumedSize(calls: number): BatchSize {
    return sharedSize(this.#limited(presumedSize(this.size)), calls, this.#pace)
  }

  /** How many CALLs may be under way at once. */
  callsUnderWay(setting: CallsSetting): number {
    return callsUnderWay(setting, this.#limited(batchLimits.largest), this.#pace)
  }

  /** Takes in how long a small question took. */
  noteRoundTrip(durationMs: number): void {
    this.#roundTripMs =
      this.#roundTripMs === undefined ? durationMs : Math.min(durationMs, this.#roundTripMs * 1.05)
  }

  failed(batch: FormedBatch): void {
    this.#size = afterFailure(this.size, batch.transactions.length, batch.bytes)
  }

  /** `durationMs` is what it added: one that was sent while another was under way waited for that one first. */
  succeeded(batch: FormedBatch, durationMs: number, wasBehind: boolean): void {
    const isShared = batch.size.transactions < this.size.transactions
    const workMs = wasBehind ? durationMs : Math.max(0, durationMs - (this.#roundTripMs ?? 0))
    if (batch.isFull) this.#msPerTransaction = workMs / batch.transactions.length
    this.#size = afterSuccess(this.size, {
      transactions: batch.transactions.length,
      durationMs,
      roundTripMs: this.#roundTripMs ?? 1,
      // One that carried less than it might alone has not shown that more would arrive.
      isFull: batch.isFull && !isShared,
    })
  }

  get #pace(): Pace {
    return { roundTripMs: this.#roundTripMs ?? 0, msPerTransaction: this.#msPerTransaction }
  }

  #limited(size: BatchSize): BatchSize {
    return this.#largest === undefined ? size : atMost(size, this.#largest)
  }
}
