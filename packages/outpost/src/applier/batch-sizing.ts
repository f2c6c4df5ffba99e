import type { FormedBatch } from './batch-draft.ts'
import { afterFailure, afterSuccess, type BatchSize, firstSize, presumedSize } from './batch-size.ts'

/** How much the next CALL carries, from what the link and main have shown so far (N12). */
export class BatchSizing {
  /** Undefined until the first CALL has ended. */
  #size: BatchSize | undefined
  #roundTripMs: number | undefined

  get size(): BatchSize {
    return this.#size ?? firstSize(this.#roundTripMs ?? 0)
  }

  /** Of the batch that is formed while a full one is under way. */
  get presumedSize(): BatchSize {
    return presumedSize(this.size)
  }

  /** Takes in how long a small question took. */
  noteRoundTrip(durationMs: number): void {
    this.#roundTripMs =
      this.#roundTripMs === undefined ? durationMs : Math.min(durationMs, this.#roundTripMs * 1.05)
  }

  failed(batch: FormedBatch): void {
    this.#size = afterFailure(this.size, batch.transactions.length, batch.bytes)
  }

  succeeded(batch: FormedBatch, durationMs: number): void {
    this.#size = afterSuccess(this.size, {
      transactions: batch.transactions.length,
      durationMs,
      roundTripMs: this.#roundTripMs ?? 1,
      isFull: batch.isFull,
    })
  }
}
