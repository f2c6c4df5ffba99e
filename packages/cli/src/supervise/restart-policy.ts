/** How a process that died is started again. */
export interface RestartLimits {
  /** First pause after a process that died before it was ready; doubles with each one in a row. */
  readonly firstDelayMs: number
  readonly maxDelayMs: number
  /** At most this many starts within any minute, whatever the reason of the deaths. */
  readonly startsPerMinute: number
}

export const defaultRestartLimits: RestartLimits = {
  firstDelayMs: 200,
  maxDelayMs: 5_000,
  startsPerMinute: 60,
}

const minuteMs = 60_000

/**
 * Milliseconds to wait before the next start. A process that had been ready comes back at once: it was killed, not
 * misconfigured. One that dies before it is ready waits longer each time. Over the limit per minute the start waits
 * until the oldest is a minute old, so that a loop stays slow but a site never stays down for good.
 */
export function restartDelayMs(
  history: {
    /** Monotonic times of the earlier starts, oldest first. */
    readonly startedAtMs: readonly number[]
    /** How many starts in a row ended before the process was ready. */
    readonly failedStarts: number
  },
  nowMs: number,
  limits: RestartLimits = defaultRestartLimits,
): number {
  const backoffMs =
    history.failedStarts === 0
      ? 0
      : Math.min(limits.maxDelayMs, limits.firstDelayMs * 2 ** Math.min(history.failedStarts - 1, 16))
  const recent = history.startedAtMs.filter((startedAtMs) => nowMs - startedAtMs < minuteMs)
  const blocking = recent.at(-limits.startsPerMinute)
  const limitMs = blocking === undefined ? 0 : blocking + minuteMs - nowMs
  return Math.max(backoffMs, limitMs)
}
