import type { ApplierAlarm } from '../applier/applier-options.ts'
import { journalAlarm } from '../applier/journal-alarm.ts'
import type { Clock } from '../clock/clock.ts'
import type { Journal } from '../journal/journal.ts'

export interface LeadershipOptions {
  readonly journal: Pick<Journal, 'catchUp' | 'sharing'>
  readonly clock: Clock
  /** Begins what only one process of a site may do; everything that others did is folded. */
  readonly begin: () => void
  /** Ends it, and returns when it has ended. */
  readonly end: () => Promise<void>
  readonly onAlarm: (alarm: ApplierAlarm) => void
}

const retryMs = 500

/**
 * Follows the lead of the journal: what drains it runs exactly while this process leads. A journal that one process has
 * to itself is led from start to stop. States: stopped → `start()` → following ⇄ leading → `stop()` → stopped.
 */
export class Leadership {
  readonly #options: LeadershipOptions
  readonly #stopping = new AbortController()
  #isBegun = false
  #off: (() => void) | undefined
  #changing: Promise<void> = Promise.resolve()

  constructor(options: LeadershipOptions) {
    this.#options = options
  }

  get isLeading(): boolean {
    return this.#options.journal.sharing?.isLeading ?? true
  }

  start(): void {
    this.#off = this.#options.journal.sharing?.onLead(() => this.#change())
    this.#change()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#off?.()
    this.#change()
    await this.#changing
  }

  /** One after the other: a lead that was lost and won again is ended before it begins. */
  #change(): void {
    const isWanted = this.isLeading && !this.#stopping.signal.aborted
    this.#changing = this.#changing.then(() => (isWanted ? this.#begin() : this.#end()))
  }

  async #begin(): Promise<void> {
    while (!this.#isBegun && this.isLeading && !this.#stopping.signal.aborted) {
      try {
        await this.#options.journal.catchUp()
        this.#isBegun = true
        this.#options.begin()
      } catch (error) {
        this.#options.onAlarm(journalAlarm(error))
        await this.#options.clock.sleep(retryMs, this.#stopping.signal)
      }
    }
  }

  async #end(): Promise<void> {
    if (!this.#isBegun) return
    this.#isBegun = false
    await this.#options.end()
  }
}
