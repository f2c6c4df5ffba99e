import { atMost, type BatchSize } from './batch-size.ts'

/** How many CALLs may be under way at once: a fixed number, or as many as the link makes worth while. */
export type CallsSetting = 'auto' | 1 | 2 | 3 | 4

/** What is known of link and main. */
export interface Pace {
  readonly roundTripMs: number
  /** What main and the line need for a transaction, without the round trip. */
  readonly msPerTransaction: number
}

/** More bring little, and make a failure dearer: all behind it are sent again. */
const chosenCalls = 3
/** Where the round trip is a smaller part of a CALL, nothing was gained by sending the next one before the answer. */
const leastShare = 0.15
/** Fewer transactions do not pay for a CALL. */
const fewestTransactions = 2_048

/**
 * Pure: so many that main never waits for the next one while an answer is on its way. With a short round trip, or where
 * the bytes take most of the time, that is one. `size` is what one CALL alone carries when it has grown.
 */
export function callsUnderWay(setting: CallsSetting, size: BatchSize, pace: Pace): number {
  if (setting !== 'auto') return setting
  const workMs = Math.max(1, size.transactions * pace.msPerTransaction)
  return pace.roundTripMs / workMs < leastShare ? 1 : chosenCalls
}

/**
 * Pure: what each of several CALLs under way carries at most: together they cover the round trip, and none takes long to
 * form while main waits for it.
 */
export function sharedSize(size: BatchSize, calls: number, pace: Pace): BatchSize {
  if (calls === 1) return size
  const covering = Math.ceil((1.25 * pace.roundTripMs) / (calls - 1) / Math.max(0.001, pace.msPerTransaction))
  return atMost(size, { ...size, transactions: Math.max(fewestTransactions, covering) })
}
