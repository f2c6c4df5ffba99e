import type { Clock } from '../clock/clock.ts'

export interface GatheredLookOptions<Key, Found> {
  /** One look that answers for all of these keys. */
  readonly look: (keys: readonly Key[]) => Promise<Found>
  readonly clock: Clock
  /** A look that takes longer keeps the next one waiting no more, and who has waited as long for one waits no more. */
  readonly patienceMs: number
  /** Keys in one look at most. Default 32. */
  readonly limit?: number
  /** Askers that wait for the next look at most. Default 1,000. */
  readonly maxWaiting?: number
}

interface Asker<Key, Found> {
  readonly key: Key
  readonly sinceMs: number
  resolve(found: Found | undefined): void
  reject(error: unknown): void
}

/**
 * Answers many askers with few looks: while one is under way, those who come gather for the next. Who is alone is
 * looked for at once; in a crowd a round trip and its statement are shared, which costs a fraction of one for each.
 *
 * Invariants: a look starts after everybody it answers has asked, so that it sees all that was acknowledged by then;
 * behind a database that says nothing no queue grows, and after it those who still wait are not behind those who left.
 */
export class GatheredLook<Key, Found> {
  readonly #options: GatheredLookOptions<Key, Found>
  readonly #limit: number
  readonly #maxWaiting: number
  #waiting: Asker<Key, Found>[] = []
  #looking: { readonly sinceMs: number } | undefined

  constructor(options: GatheredLookOptions<Key, Found>) {
    this.#options = options
    this.#limit = options.limit ?? 32
    this.#maxWaiting = options.maxWaiting ?? 1_000
  }

  /**
   * What a look that had this key among its keys found; undefined where no look began in time, or too many wait for
   * one. Errors: those of the look.
   */
  ask(key: Key): Promise<Found | undefined> {
    this.#dismissLate()
    if (this.#waiting.length >= this.#maxWaiting) return Promise.resolve(undefined)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, sinceMs: this.#options.clock.monotonicMs(), resolve, reject })
      this.#begin()
    })
  }

  /** Who waits longest stands in front. */
  #dismissLate(): void {
    const { clock, patienceMs } = this.#options
    const sinceMs = clock.monotonicMs() - patienceMs
    const inTime = this.#waiting.findIndex((asker) => asker.sinceMs >= sinceMs)
    const late = this.#waiting.splice(0, inTime === -1 ? this.#waiting.length : inTime)
    for (const asker of late) asker.resolve(undefined)
  }

  #begin(): void {
    const { clock, patienceMs } = this.#options
    const isHeldBack = this.#looking && clock.monotonicMs() - this.#looking.sinceMs <= patienceMs
    if (isHeldBack || this.#waiting.length === 0) return
    void this.#lookFor(this.#waiting.splice(0, this.#limit))
  }

  async #lookFor(askers: readonly Asker<Key, Found>[]): Promise<void> {
    const looking = { sinceMs: this.#options.clock.monotonicMs() }
    this.#looking = looking
    try {
      const found = await this.#options.look(askers.map(({ key }) => key))
      for (const asker of askers) asker.resolve(found)
    } catch (error) {
      for (const asker of askers) asker.reject(error)
    }
    // One that was overtaken by a later look has nothing to hand over.
    if (this.#looking === looking) this.#looking = undefined
    this.#dismissLate()
    this.#begin()
  }
}
