/** Counts per second over the last minute, in 60 buckets: constant memory, whatever the load. */
export class MinuteRate {
  readonly #buckets = new Float64Array(60)
  #second = Number.NEGATIVE_INFINITY

  /** `nowMs` is any clock that does not go back. */
  add(count: number, nowMs: number): void {
    this.#advance(nowMs)
    const index = this.#second % 60
    this.#buckets[index] = (this.#buckets[index] ?? 0) + count
  }

  /** Average per second over the last 60 seconds. */
  perSecond(nowMs: number): number {
    this.#advance(nowMs)
    return this.#buckets.reduce((sum, count) => sum + count, 0) / 60
  }

  #advance(nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    if (second <= this.#second) return
    const passed = Math.min(60, second - this.#second)
    for (let step = 1; step <= passed; step += 1) this.#buckets[(second - passed + step) % 60] = 0
    this.#second = second
  }
}
