/** How much the next CALL may carry. */
export interface BatchSize {
  readonly bytes: number
  readonly transactions: number
}

export const batchLimits = {
  smallest: { bytes: 1, transactions: 1 },
  largest: { bytes: 8 * 1024 * 1024, transactions: 8192 },
} as const

/** Of the first CALL: the larger end still arrives whole at 10 kB/s with a cut every two minutes (N12). */
const firstLimits = {
  smallest: { bytes: 512 * 1024, transactions: 512 },
  largest: { bytes: 1024 * 1024, transactions: 4096 },
} as const

/** A CALL that takes longer tells too little on the way: the next one is smaller. */
const longMs = 5_000

export interface CallDuration {
  readonly transactions: number
  readonly durationMs: number
  /** Round trip of the link, without work on main. */
  readonly roundTripMs: number
  /** The size kept more from being sent. */
  readonly isFull: boolean
}

/**
 * Pure: what the first CALL over a link may carry, before any has told how long one takes. The longer the round trip,
 * the more work pays for it.
 */
export function firstSize(roundTripMs: number): BatchSize {
  const { smallest, largest } = firstLimits
  return {
    bytes: clamp(Math.round(roundTripMs * 8 * 1024), smallest.bytes, largest.bytes),
    transactions: clamp(Math.round(roundTripMs * 16), smallest.transactions, largest.transactions),
  }
}

/** Pure: what a full batch's successor may carry at least, if the CALL succeeds in good time. */
export function presumedSize(size: BatchSize): BatchSize {
  return scaled(size, 2)
}

/**
 * Pure (N12): halves what was sent at each infrastructure failure, down to one transaction. It is the sent count that
 * halves, so that a poisoned batch is bisected and a batch that never arrives whole gets smaller at once.
 */
export function afterFailure(size: BatchSize, sentTransactions: number, sentBytes: number): BatchSize {
  return {
    bytes: Math.max(batchLimits.smallest.bytes, Math.floor(Math.min(size.bytes, sentBytes) / 2)),
    transactions: Math.max(
      batchLimits.smallest.transactions,
      Math.floor(Math.min(size.transactions, Math.max(1, sentTransactions)) / 2),
    ),
  }
}

/** Pure: grows while the round trip outweighs the work, so that a long link is paid for seldom. */
export function afterSuccess(size: BatchSize, call: CallDuration): BatchSize {
  if (call.durationMs > longMs) return scaled(size, 0.5)
  if (!call.isFull) return size
  return scaled(size, call.durationMs < 2.5 * call.roundTripMs + 200 ? 4 : 2)
}

/** Pure: no more than the other, of either. */
export function atMost(size: BatchSize, largest: BatchSize): BatchSize {
  return {
    bytes: Math.min(size.bytes, largest.bytes),
    transactions: Math.min(size.transactions, largest.transactions),
  }
}

function scaled(size: BatchSize, factor: number): BatchSize {
  const { smallest, largest } = batchLimits
  return {
    bytes: clamp(Math.floor(size.bytes * factor), smallest.bytes, largest.bytes),
    transactions: clamp(Math.floor(size.transactions * factor), smallest.transactions, largest.transactions),
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}
