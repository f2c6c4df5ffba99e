/** Time as the library sees it: injected, so that a test or a simulation can own it. */
export interface Clock {
  /** Wall clock in milliseconds since 1970, for records and people; never for measuring. */
  nowMs(): number
  /** Milliseconds of a clock that never goes back, for deadlines and durations. */
  monotonicMs(): number
  /** Resolves after `ms`, or at once when the signal aborts (it never rejects). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const done = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal?.addEventListener('abort', done, { once: true })
    }),
}
