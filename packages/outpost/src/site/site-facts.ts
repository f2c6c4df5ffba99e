import type { ApplierAlarm, ApplierState, FinishedBatch } from '../applier/applier-options.ts'
import type { ReplicaState } from '../applier/confirmer.ts'
import type { Clock } from '../clock/clock.ts'
import { OutpostError } from '../errors/outpost-error.ts'
import type { JournalStatistics } from '../journal/journal.ts'
import { type HealthFacts, isInContact, type MainContact } from '../observing/health.ts'
import { MinuteRate } from './rates.ts'
import type { BufferStatistics } from './site-api.ts'

/** How long an alarm that stopped nothing is shown after it was raised. */
const alarmShownMs = 600_000
/** Beyond the applier's idle interval: it has asked main for this long then. */
const silenceMs = 5_000

/** What a running site has learned about itself, for health and statistics. */
export class SiteFacts {
  readonly #clock: Clock
  readonly #rate = new MinuteRate()
  readonly #maxSilentMs: number
  #link: { readonly isConnected: boolean; readonly reason?: string } = {
    isConnected: false,
    reason: 'no contact yet',
  }
  #contactMs: number | undefined
  #replica: 'connected' | 'unreachable' | 'diverged' = 'connected'
  #behindSinceMs: number | undefined
  /** The last of each code, with its time on the monotonic clock. */
  readonly #alarms = new Map<string, { readonly alarm: ApplierAlarm; readonly atMs: number }>()
  journalFailure: string | undefined
  /** `timeline/LSN`. */
  #mainPosition: string | undefined
  #lastRunMs: number | undefined
  #lastBatch: FinishedBatch | undefined
  #applied = 0
  #failed = 0
  #batchMs = 0

  /** `idleIntervalMs`: how often the applier asks main when it has nothing to send. */
  constructor(clock: Clock, idleIntervalMs: number) {
    this.#clock = clock
    this.#maxSilentMs = idleIntervalMs + silenceMs
  }

  /** What is known of main while the applier is in this state. */
  main(applier: ApplierState): MainContact {
    const atMs = this.#contactMs
    return {
      ...this.#link,
      // A block follows an answer, and ends as soon as none comes.
      ...(applier.kind === 'blocked' && { isConnected: true }),
      isAsked: applier.kind === 'running' || applier.kind === 'idle',
      silentMs: atMs === undefined ? undefined : this.#clock.monotonicMs() - atMs,
      maxSilentMs: this.#maxSilentMs,
    }
  }

  /** Whether main takes what it is sent, by an answer a moment ago. */
  isMainConnected(applier: ApplierState): boolean {
    return applier.kind !== 'blocked' && isInContact({ ...this.main(applier), isAsked: true })
  }

  linkChanged(state: 'connected' | 'unreachable', reason?: string): void {
    this.#link = { isConnected: state === 'connected', ...(reason && { reason }) }
  }

  /** Main has just answered: with its `position`, or with a refusal. */
  mainAnswered(position?: string): void {
    if (position !== undefined) this.#mainPosition = position
    this.#contactMs = this.#clock.monotonicMs()
  }

  get replica(): 'connected' | 'unreachable' | 'diverged' {
    return this.#replica
  }

  /** Since when the replica answers without the row of main's lineage. */
  get replicaBehindMs(): number | undefined {
    const sinceMs = this.#behindSinceMs
    return sinceMs === undefined ? undefined : this.#clock.monotonicMs() - sinceMs
  }

  /** True when others are to be told. */
  replicaChanged(state: ReplicaState): boolean {
    this.#behindSinceMs = state === 'behind' ? this.#clock.monotonicMs() : undefined
    const before = this.#replica
    this.#replica = state === 'behind' ? 'connected' : state
    return this.#replica !== before
  }

  alarmRaised(alarm: ApplierAlarm): void {
    this.#alarms.set(alarm.code, { alarm, atMs: this.#clock.monotonicMs() })
  }

  /** Raised a short while ago; what lasts is told by its own facts (`applier`, stuck transactions). */
  get alarms(): HealthFacts['alarms'] {
    const nowMs = this.#clock.monotonicMs()
    return [...this.#alarms.values()]
      .map(({ alarm, atMs }) => ({ ...alarm, ageMs: nowMs - atMs }))
      .filter(({ code, ageMs }) => ageMs <= alarmShownMs && !lastingAlarms.has(code))
  }

  /** An append that the journal refused: health says so until one succeeds or the disk has room again. */
  appendFailed(error: unknown): void {
    if (error instanceof OutpostError && error.code === 'journal_failed') this.journalFailure = error.message
  }

  get mainLsn(): string | undefined {
    return this.#mainPosition?.slice(this.#mainPosition.indexOf('/') + 1)
  }

  batchFinished(batch: FinishedBatch): void {
    this.#lastBatch = batch
    this.#lastRunMs = this.#clock.nowMs()
    this.#applied += batch.applied
    this.#failed += batch.rejected
    this.#batchMs += batch.durationMs
    this.#rate.add(batch.applied, this.#clock.monotonicMs())
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
}

/** These stop the applier until they are over, or belong to a transaction that says so itself. */
const lastingAlarms: ReadonlySet<ApplierAlarm['code']> = new Set([
  'lineage_refused',
  'not_migrated',
  'schema_unknown',
  'ledger_version',
  'configuration',
  'rejections',
  'stuck',
])

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
