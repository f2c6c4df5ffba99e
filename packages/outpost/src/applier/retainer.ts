import type { Clock } from '../clock/clock.ts'
import type { Journal, StatusChange, TransactionStatus } from '../journal/journal.ts'
import type { Seq } from '../transaction/transaction.ts'
import type { ApplierAlarm } from './applier-options.ts'
import { backoffMs } from './backoff.ts'
import { carriedOver } from './carried-over.ts'
import { journalAlarm } from './journal-alarm.ts'
import { dropThrough, type RetentionFacts, shedThrough } from './retention.ts'
import { seqRanges } from './seq-ranges.ts'

export interface RetainerOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly retentionMs: number
  /** Size of the journal above which the oldest confirmed ones go before their time. Default: no such size. */
  readonly retentionBytes?: number
  /** The oldest that somebody in this process still needs, if anybody does. */
  readonly neededFrom?: () => Seq | undefined
  readonly lineage: () => string | undefined
  /** What the standbys that could become main have flushed; asked once a sweep. */
  readonly promotable: () => Promise<RetentionFacts['promotable']>
  /** Default 10,000. */
  readonly intervalMs?: number
  readonly onStatus?: (changes: readonly StatusChange[]) => void
  /** A sweep failed; the next one comes later. Raised once until a sweep succeeded. */
  readonly onAlarm?: (alarm: ApplierAlarm) => void
}

/** Looked at in one sweep; the next one goes on behind them. */
const maxPerSweep = 50_000

/**
 * Moves what is confirmed to `retained` and drops what nobody can need any more (N13). What cannot be decided now,
 * because main is away, is decided at a later sweep.
 */
export class Retainer {
  readonly #options: RetainerOptions
  #stopping = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: RetainerOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#running !== undefined) return
    this.#stopping = new AbortController()
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    this.#running = undefined
  }

  /** One sweep; answers the seq through which was dropped, 0 for nothing. */
  async sweep(): Promise<Seq> {
    const { journal, clock, retentionMs, retentionBytes, lineage } = this.#options
    await this.#retain()
    const current = lineage()
    const carried = carriedOver(journal, current)
    const statusOf = (seq: Seq) => journal.status(seq)
    const shed = retentionBytes === undefined ? 0 : shedThrough(journal.statistics(), retentionBytes)
    const facts = {
      nowMs: clock.nowMs(),
      retentionMs,
      shedThrough: shed,
      lineage: current,
      carried,
      statusOf,
    }
    // Without asking anybody: is there anything old enough at all?
    if (dropThrough(this.#oldest(), { ...facts, promotable: 'none' }) === 0) return 0
    const promotable = await this.#options.promotable().catch(() => 'unknown' as const)
    const mayGo = dropThrough(this.#oldest(), { ...facts, promotable })
    const neededFrom = this.#options.neededFrom?.() ?? Number.POSITIVE_INFINITY
    const through = Math.min(mayGo, neededFrom - 1)
    if (through > 0) await journal.drop(through)
    return through
  }

  async #run(): Promise<void> {
    let failures = 0
    while (!this.#stopping.signal.aborted) {
      try {
        await this.sweep()
        failures = 0
      } catch (error) {
        // A full or failed journal is the site's trouble, not the end of its process.
        if (++failures === 1) this.#options.onAlarm?.(journalAlarm(error))
      }
      await this.#options.clock.sleep(this.#pauseMs(failures), this.#stopping.signal)
    }
  }

  #pauseMs(failures: number): number {
    const intervalMs = this.#options.intervalMs ?? 10_000
    return failures === 0
      ? intervalMs
      : backoffMs(failures, 1, { firstMs: intervalMs, capMs: 30 * intervalMs })
  }

  async #retain(): Promise<void> {
    const { journal } = this.#options
    const seqs = journal.seqsIn('replicated', { limit: maxPerSweep })
    const changes = seqRanges(seqs).map(
      ({ from, to }): StatusChange => ({ from, to, status: { state: 'retained' } }),
    )
    if (changes.length === 0) return
    await journal.setStatus(changes)
    this.#options.onStatus?.(changes)
  }

  *#oldest(): Iterable<readonly [Seq, TransactionStatus]> {
    const { journal } = this.#options
    const last = Math.min(journal.lastSeq, journal.firstSeq + maxPerSweep)
    for (let seq = journal.firstSeq; seq <= last; seq++) yield [seq, journal.status(seq)]
  }
}
