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
}

/** Tells those who wait for a transaction, and those who listen to all of them, what became of it. */
export class StatusNews {
  readonly #options: StatusNewsOptions

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
    if (events.hasListenersFor('transaction')) void this.#tell(changes)
  }

  /** In pieces with a breath between them: a whole retained backlog may change its state at once. */
  async #tell(changes: readonly StatusChange[]): Promise<void> {
    const { journal, clock, events } = this.#options
    for (const { from, to, status } of changes) {
      for (let first = from; first <= to; first += eventChunk) {
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
