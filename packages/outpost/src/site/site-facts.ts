import type { ApplierState, FinishedBatch } from '../applier/applier-options.ts'
import type { Clock } from '../clock/clock.ts'
import { OutpostError } from '../errors/outpost-error.ts'
import type { JournalStatistics } from '../journal/journal.ts'
import type { HealthFacts } from '../observing/health.ts'
import { MinuteRate } from './rates.ts'
import type { BufferStatistics } from './site-api.ts'

const lagSql = `
SELECT extract(epoch FROM clock_timestamp() - (SELECT at FROM outpost.heartbeat WHERE site = $1))::float8 AS seconds,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text AS lsn`

/** How long one answer serves everybody who asks for health. */
const lagFreshMs = 500

interface Lag {
  readonly seconds: number | undefined
  readonly replicaLsn: string | undefined
}

/** What a running site has learned about itself, for health and statistics. */
export class SiteFacts {
  readonly #clock: Clock
  readonly #rate = new MinuteRate()
  main: HealthFacts['main'] = { isConnected: false, reason: 'no contact yet' }
  replica: 'connected' | 'unreachable' | 'diverged' = 'connected'
  journalFailure: string | undefined
  /** `timeline/LSN`. */
  mainPosition: string | undefined
  #lastRunMs: number | undefined
  #lastBatch: FinishedBatch | undefined
  #applied = 0
  #failed = 0
  #batchMs = 0
  #lag: { readonly askedMs: number; readonly answer: Promise<Lag> } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** An append that the journal refused: health says so until one succeeds or the disk has room again. */
  appendFailed(error: unknown): void {
    if (error instanceof OutpostError && error.code === 'journal_failed') this.journalFailure = error.message
  }

  get mainLsn(): string | undefined {
    return this.mainPosition?.slice(this.mainPosition.indexOf('/') + 1)
  }

  batchFinished(batch: FinishedBatch): void {
    this.#lastBatch = batch
    this.#lastRunMs = this.#clock.nowMs()
    this.#applied += batch.applied
    this.#failed += batch.rejected
    this.#batchMs += batch.durationMs
    this.#rate.add(batch.applied, this.#clock.monotonicMs())
    this.mainPosition = batch.position
  }

  applier(state: ApplierState): HealthFacts['applier'] {
    return {
      status: appliersStatus(state),
      lastRunMs: this.#lastRunMs,
      applied: this.#applied,
      failed: this.#failed,
      ...(state.kind === 'blocked' && { stopped: state.alarm }),
    }
  }

  bufferStatistics(journal: JournalStatistics): BufferStatistics {
    const { counts } = journal
    const batch = this.#lastBatch
    const done = this.#applied + this.#failed
    return {
      pending_transactions: counts.buffered + counts.parked + counts.applied,
      failed_transactions: counts.rejected,
      processing_rate: this.#rate.perSecond(this.#clock.monotonicMs()),
      average_execution_time_ms: done === 0 ? 0 : this.#batchMs / done,
      buffer_size_mb: journal.bytes / 1_000_000,
      states: counts,
      last_batch: batch
        ? { transactions: batch.transactions, bytes: batch.bytes, duration_ms: batch.durationMs }
        : null,
    }
  }

  /** Age of this site's heartbeat on its replica (E38), and how far it has replayed; asked once for all who ask at a time. */
  lag(
    siteName: string,
    query: (sql: string, values: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>,
  ): Promise<Lag> {
    const nowMs = this.#clock.monotonicMs()
    if (this.#lag === undefined || nowMs - this.#lag.askedMs > lagFreshMs) {
      this.#lag = { askedMs: nowMs, answer: this.#askLag(siteName, query) }
    }
    return this.#lag.answer
  }

  async #askLag(
    siteName: string,
    query: (sql: string, values: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>,
  ): Promise<Lag> {
    try {
      const [row] = await query(lagSql, [siteName])
      return {
        seconds: (row?.seconds as number | null) ?? undefined,
        replicaLsn: (row?.lsn as string | null) ?? undefined,
      }
    } catch {
      // That the replica does not answer is told by its own field; the lag is simply unknown then.
      return { seconds: undefined, replicaLsn: undefined }
    }
  }
}

function appliersStatus(state: ApplierState): HealthFacts['applier']['status'] {
  switch (state.kind) {
    case 'stopped':
    case 'blocked':
      return 'stopped'
    case 'waiting':
      return 'waiting'
    case 'running':
    case 'idle':
      return 'running'
  }
}
