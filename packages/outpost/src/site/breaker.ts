/**
 * Remembers that a node just failed, so that the next requests do not each wait for it again.
 *
 * States: closed (use it) → open until a time (skip it) → closed again by the next success. The pause doubles
 * from `firstPauseMs` to `maxPauseMs` with each failure in a row. Slowness counts as failing.
 */
export class Breaker {
  readonly #firstPauseMs: number
  readonly #maxPauseMs: number
  #failures = 0
  #openUntilMs = Number.NEGATIVE_INFINITY

  constructor(options: { readonly firstPauseMs: number; readonly maxPauseMs: number }) {
    this.#firstPauseMs = options.firstPauseMs
    this.#maxPauseMs = options.maxPauseMs
  }

  /** False while the node is to be left alone. `nowMs` is a monotonic clock. */
  isUsable(nowMs: number): boolean {
    return nowMs >= this.#openUntilMs
  }

  succeeded(): void {
    this.#failures = 0
    this.#openUntilMs = Number.NEGATIVE_INFINITY
  }

  failed(nowMs: number): void {
    // Requests that were under way together count as one failure: the pause grows only once it has passed.
    if (!this.isUsable(nowMs)) return
    const pauseMs = Math.min(this.#maxPauseMs, this.#firstPauseMs * 2 ** this.#failures)
    this.#failures = Math.min(this.#failures + 1, 30)
    this.#openUntilMs = nowMs + pauseMs
  }
}
