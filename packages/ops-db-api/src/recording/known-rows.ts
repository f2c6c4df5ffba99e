import type { Clock } from 'outpost'

export interface KnownRowsOptions {
  readonly clock: Clock
  /** How long a row counts as known. Default 60,000. */
  readonly lifetimeMs?: number
  /** Rows kept at most; the oldest go first. Default 10,000. */
  readonly limit?: number
}

/**
 * Rows that a check saw not long ago. Only for existence: main's foreign keys are the authority, and nothing that
 * is recorded against is ever deleted by this service, so asking the replica a thousand times a second would buy nothing.
 */
export class KnownRows {
  readonly #clock: Clock
  readonly #lifetimeMs: number
  readonly #limit: number
  readonly #untilMs = new Map<string, number>()

  constructor({ clock, lifetimeMs = 60_000, limit = 10_000 }: KnownRowsOptions) {
    this.#clock = clock
    this.#lifetimeMs = lifetimeMs
    this.#limit = limit
  }

  has(table: string, id: string | number): boolean {
    const key = `${table} ${id}`
    const untilMs = this.#untilMs.get(key)
    if (untilMs === undefined) return false
    if (untilMs > this.#clock.monotonicMs()) return true
    this.#untilMs.delete(key)
    return false
  }

  add(table: string, id: string | number): void {
    const key = `${table} ${id}`
    this.#untilMs.delete(key)
    this.#untilMs.set(key, this.#clock.monotonicMs() + this.#lifetimeMs)
    if (this.#untilMs.size <= this.#limit) return
    const oldest = this.#untilMs.keys().next().value
    if (oldest !== undefined) this.#untilMs.delete(oldest)
  }
}
