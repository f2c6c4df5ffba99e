import type { ApplierAlarm } from '../applier/applier-options.ts'
import { messageOf } from '../applier/journal-alarm.ts'
import type { Clock } from '../clock/clock.ts'
import type { Journal, StatusChange } from '../journal/journal.ts'
import type { TransactionRecord } from '../transaction/transaction.ts'
import type { SiteEvents } from './site-events.ts'
import type { StateWaiters } from './state-waiters.ts'

/** Transactions told about at once. */
const eventChunk = 200

export interface StatusNewsOptions {
  readonly journal: Pick<Journal, 'getMany'>
  readonly clock: Clock
  readonly events: SiteEvents
  readonly waiters: StateWaiters
  readonly onAlarm: (alarm: ApplierAlarm) => void
}

/** Tells those who wait for a transaction, and those who listen to all of them, what became of it. */
export class StatusNews {
  readonly #options: StatusNewsOptions
  /** One after the other, so that what became of a transaction is told in order. */
  #telling: Promise<void> = Promise.resolve()
  #isStopping = false

  constructor(options: StatusNewsOptions) {
    this.#options = options
  }

  appended(records: readonly TransactionRecord[]): void {
    const { events } = this.#options
    if (!events.hasListenersFor('transaction')) return
    for (const { id, seq, bufferedAtMs } of records) {
      events.emit({ kind: 'transaction', id, seq, state: 'buffered', atMs: bufferedAtMs })
    }
  }

  changed(changes: readonly StatusChange[]): void {
    const { events, waiters } = this.#options
    for (const change of changes) waiters.changed(change.from, change.to)
    if (!events.hasListenersFor('transaction') || this.#isStopping) return
    this.#telling = this.#telling
      .then(() => this.#tell(changes))
      .catch((error: unknown) => this.#untold(error))
  }

  /** Tells nothing more; what is being told ends first, while the journal can be read. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#telling
  }

  /** The states themselves are in the journal: who asks is told. */
  #untold(error: unknown): void {
    this.#options.onAlarm({
      code: 'journal',
      message: `Some events were not told, because the journal could not be read: ${messageOf(error)}`,
      hint: 'Ask for the state of the transactions that you wait for; see to the disk or Redis that keeps the journal.',
    })
  }

  /** In pieces with a breath between them: a whole retained backlog may change its state at once. */
  async #tell(changes: readonly StatusChange[]): Promise<void> {
    const { journal, clock, events } = this.#options
    for (const { from, to, status } of changes) {
      for (let first = from; first <= to; first += eventChunk) {
        if (this.#isStopping) return
        const length = Math.min(eventChunk, to - first + 1)
        const seqs = Array.from({ length }, (_, index) => first + index)
        for (const { id, seq } of await journal.getMany(seqs)) {
          events.emit({ kind: 'transaction', id, seq, state: status.state, atMs: clock.nowMs() })
        }
        if (first + length <= to) await clock.sleep(0)
      }
    }
  }
}
