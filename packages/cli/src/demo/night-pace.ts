import type { OutpostError } from 'outpost'

const firstRetryMs = 100
const maxRetryMs = 2_000

/** When a step of the night is due, from its beginning: the steps are spread evenly, so that one can watch. */
export function stepDueMs(index: number, steps: number, durationMs: number): number {
  return Math.floor((index / Math.max(1, steps)) * durationMs)
}

/** Pause before the next attempt of a call that found no site. */
export function retryDelayMs(attempt: number): number {
  return Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(attempt, 10))
}

/** A site that is being started again, or says "later", is asked again; one that refuses is not. */
export function isWorthRetrying(error: OutpostError): boolean {
  const { status } = error.details
  return error.code === 'site_unreachable' || status === 429 || (typeof status === 'number' && status >= 500)
}
