import type { Clock } from 'outpost'
import { isDatabaseError } from 'outpost/fastify'

/** How long a failure is told after it was seen last. */
const shownMs = 600_000
const logEveryMs = 60_000

export interface CheckFailuresOptions {
  readonly clock: Clock
  /** Gets the first failure of each SQLSTATE in a minute, with the server's own words. */
  readonly warn: (facts: { readonly sqlstate: string; readonly err: unknown }, message: string) => void
}

/**
 * Remembers that checks of writes fail at the database itself, where it answers: the writes are recorded unchecked, and
 * without a word nobody would learn that checks no longer work.
 */
export class CheckFailures {
  readonly #options: CheckFailuresOptions
  /** Times on the monotonic clock, by SQLSTATE. */
  readonly #seen = new Map<string, { loggedMs: number; lastMs: number }>()

  constructor(options: CheckFailuresOptions) {
    this.#options = options
  }

  /** Takes in why a look failed; what is not PostgreSQL's own refusal is told by health in other words already. */
  note(error: unknown): void {
    if (!isDatabaseError(error)) return
    const nowMs = this.#options.clock.monotonicMs()
    const seen = this.#seen.get(error.code) ?? { loggedMs: Number.NEGATIVE_INFINITY, lastMs: nowMs }
    this.#seen.set(error.code, seen)
    seen.lastMs = nowMs
    if (nowMs - seen.loggedMs < logEveryMs) return
    seen.loggedMs = nowMs
    const message = error instanceof Error ? error.message : ''
    this.#options.warn(
      { sqlstate: error.code, err: error },
      `a check failed with SQLSTATE ${error.code} (${message}): the write is recorded unchecked`,
    )
  }

  /** For health, which anybody may read: without the server's words, since they can quote values. */
  get problems(): { readonly code: string; readonly message: string; readonly hint: string }[] {
    const nowMs = this.#options.clock.monotonicMs()
    return [...this.#seen]
      .filter(([, { lastMs }]) => nowMs - lastMs <= shownMs)
      .map(([sqlstate, { lastMs }]) => ({
        code: 'checks_failing',
        message: `Checks of writes fail at the database with SQLSTATE ${sqlstate} (${Math.round((nowMs - lastMs) / 1_000)} s ago): they are recorded unchecked.`,
        hint: "Look into this site's log for the database's words; main decides meanwhile.",
      }))
  }
}
