/** What a session has learnt of its link. */
export interface LinkMeasure {
  /** Slowest throughput seen lately, bytes a second. */
  readonly bytesPerSecond: number
  /** Time main needed per transaction, milliseconds. */
  readonly msPerTransaction: number
}

/** Assumed before anything was measured: the slowest link that the design names. */
export const unknownLink: LinkMeasure = { bytesPerSecond: 10_000, msPerTransaction: 5 }

/** A link that answers nothing for this long is taken for dead, however little was sent. */
const baseMs = 15_000

/**
 * Pure: how long one CALL may take before the link counts as half-open (N12). Generous against what was measured,
 * since a false alarm costs the whole batch, yet bounded, since a half-open link says nothing at all.
 */
export function callDeadlineMs(bytes: number, transactions: number, link: LinkMeasure): number {
  const sendingMs = (bytes / link.bytesPerSecond) * 1000
  return Math.ceil(baseMs + 3 * sendingMs + 3 * link.msPerTransaction * transactions)
}

/** Pure: takes in one finished CALL. Slow news counts at once, good news slowly. */
export function measured(
  link: LinkMeasure,
  bytes: number,
  transactions: number,
  durationMs: number,
): LinkMeasure {
  const duration = Math.max(1, durationMs)
  return {
    bytesPerSecond: Math.max(1_000, towards(link.bytesPerSecond, (bytes * 1000) / duration, 'lower')),
    msPerTransaction:
      transactions === 0
        ? link.msPerTransaction
        : towards(link.msPerTransaction, duration / transactions, 'higher'),
  }
}

function towards(old: number, seen: number, urgent: 'lower' | 'higher'): number {
  const isUrgent = urgent === 'lower' ? seen < old : seen > old
  return isUrgent ? seen : old * 0.8 + seen * 0.2
}
