import type { Clock } from '../../clock/clock.ts'
import { isOutpostError } from '../../errors/outpost-error.ts'
import type { StatusChange } from '../journal.ts'

export interface StatusWriterOptions {
  readonly clock: Clock
  /** Stores changes under a serial of their own; sent again they are stored once. False when this process may not. */
  readonly send: (serial: number, changes: readonly StatusChange[]) => Promise<boolean>
  /** Resolves when it is worth trying. */
  readonly isUpWithin: (ms: number) => Promise<boolean>
}

const retryMs = 250

/**
 * Takes changes of status to Redis behind the one who made them: what was made while a call is under way shares the
 * next one. Lost on a crash, as the journal allows: the ledger on main is the authority.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions
  #unsent: StatusChange[] = []
  #sending: Promise<void> | undefined
  #serial = 0
  #isStopping = false

  constructor(options: StatusWriterOptions) {
    this.#options = options
  }

  /** Everything that was added is stored, or given up. */
  get isClean(): boolean {
    return this.#unsent.length === 0
  }

  add(changes: readonly StatusChange[]): void {
    this.#unsent.push(...changes)
    this.#sending ??= this.#send()
  }

  /** Another process leads: what was not sent is its business now. */
  forget(): void {
    this.#unsent = []
  }

  /** Resolves when nothing is on its way any more. */
  async settled(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending
  }

  /** As {@link settled}, without waiting for a Redis that is away. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.settled()
  }

  async #send(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#unsent.length > 0) {
      const changes = this.#unsent
      this.#unsent = []
      this.#serial += 1
      if (!(await this.#sendUntilStored(this.#serial, changes))) this.forget()
    }
    this.#sending = undefined
  }

  async #sendUntilStored(serial: number, changes: readonly StatusChange[]): Promise<boolean> {
    for (;;) {
      const isUp = await this.#options.isUpWithin(retryMs)
      if (!isUp && this.#isStopping) return false
      if (!isUp) continue
      try {
        return await this.#options.send(serial, changes)
      } catch (error) {
        // What the connection cut short is sent again; anything else is for whoever leads next.
        if (!isOutpostError(error, 'journal_unavailable')) return false
        await this.#options.clock.sleep(retryMs)
      }
    }
  }
}
