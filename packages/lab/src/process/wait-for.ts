import { LabError } from '../errors/lab-error.ts'

export interface WaitOptions {
  /** What is waited for, in words: it stands in the error. */
  readonly what: string
  /** Longest wait; 10 s unless told. */
  readonly deadlineMs?: number
  /** Pause between two looks; 20 ms unless told. */
  readonly everyMs?: number
}

/**
 * Looks again and again until `look` gives something truthy, and returns it. An error thrown by `look` counts as
 * "not yet" and is the cause of the error at the deadline (`lab_timeout`).
 */
export async function waitFor<T>(
  look: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
  const deadlineMs = options.deadlineMs ?? 10_000
  const started = performance.now()
  let last: { readonly value?: unknown; readonly error?: unknown } = {}
  while (true) {
    try {
      const value = await look()
      if (value) return value as Exclude<T, false | null | undefined | 0 | ''>
      last = { value }
    } catch (error) {
      last = { error }
    }
    if (performance.now() - started >= deadlineMs) throw timedOut(options.what, deadlineMs, last)
    await pause(options.everyMs ?? 20)
  }
}

/** Resolves after `ms`; for polling only. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function timedOut(what: string, deadlineMs: number, last: { value?: unknown; error?: unknown }): LabError {
  const seen = last.error === undefined ? '' : `; last error: ${String(last.error)}`
  return new LabError('lab_timeout', `${what} did not happen within ${deadlineMs} ms${seen}`, {
    cause: last.error,
  })
}
