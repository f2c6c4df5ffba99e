import type { Clock } from '../clock/clock.ts'

/** Names kept at most; the oldest go first. */
const limit = 10_000

/** Referenced rows that a look saw not long ago. */
export class SeenReferences {
  readonly #clock: Clock
  readonly #lifetimeMs: number
  readonly #untilMs = new Map<string, number>()

  /** With a lifetime of 0 it remembers nothing. */
  constructor(clock: Clock, lifetimeMs: number) {
    this.#clock = clock
    this.#lifetimeMs = lifetimeMs
  }

  has(name: string): boolean {
    const untilMs = this.#untilMs.get(name)
    if (untilMs === undefined) return false
    if (untilMs > this.#clock.monotonicMs()) return true
    this.#untilMs.delete(name)
    return false
  }

  add(name: string): void {
    if (this.#lifetimeMs === 0) return
    this.#untilMs.delete(name)
    this.#untilMs.set(name, this.#clock.monotonicMs() + this.#lifetimeMs)
    if (this.#untilMs.size > limit) this.#untilMs.delete(this.#untilMs.keys().next().value!)
  }

  clear(): void {
    this.#untilMs.clear()
  }
}
