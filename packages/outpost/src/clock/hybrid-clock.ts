import type { Clock } from './clock.ts'

/** Counts of one millisecond; main has the same in `outpost.bounded_clock`. */
const perMs = 65_536n

/**
 * A hybrid logical clock (Kulkarni, Demirbas et al. 2014): close to the wall clock, yet later than everything that was
 * known here when it was read, whatever the wall clock says. A stamp is milliseconds since 1970 times 65,536 plus a
 * counter, as decimal text; stamps of one clock rise strictly.
 *
 * Invariant: it never goes back, also not over a restart: whoever opens it shows it every stamp that was kept.
 */
export class HybridClock {
  readonly #clock: Pick<Clock, 'nowMs'>
  #last = 0n

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock
  }

  /** The newest stamp that it gave out or was shown. */
  get last(): string {
    return String(this.#last)
  }

  next(): string {
    const now = BigInt(Math.floor(this.#clock.nowMs())) * perMs
    this.#last = now > this.#last ? now : this.#last + 1n
    return String(this.#last)
  }

  /** Somebody has given out this stamp: what comes next is later. */
  observe(stamp: string | undefined): void {
    if (stamp === undefined || !/^\d{1,19}$/.test(stamp)) return
    const seen = BigInt(stamp)
    if (seen > this.#last) this.#last = seen
  }
}
