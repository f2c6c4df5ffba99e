import type { JournalStatistics } from '../journal/journal.ts'
import type { Health } from '../site/site-api.ts'
import type { Epoch } from '../transaction/transaction.ts'

/** What is known at the moment of asking; ages in milliseconds, undefined where nothing is known. */
export interface HealthFacts {
  readonly site: {
    readonly name: string
    readonly type: 'main' | 'secondary'
    readonly epoch: Epoch
    readonly journal: 'lmdb' | 'redis'
    readonly durability: 'full' | 'relaxed'
  }
  readonly journal: JournalStatistics
  readonly journalFailure: string | undefined
  readonly journalMaxBytes: number | undefined
  readonly oldestPendingMs: number
  readonly bufferAlarmSize: number
  readonly main: { readonly isConnected: boolean; readonly reason?: string }
  readonly replica: 'connected' | 'unreachable' | 'diverged' | 'unused'
  readonly applier: {
    readonly status: 'running' | 'waiting' | 'stopped'
    readonly lastRunMs: number | undefined
    readonly applied: number
    readonly failed: number
    /** Why it stopped by itself, with what to do. */
    readonly stopped?: { readonly code: string; readonly message: string; readonly hint: string }
  }
  /** Sites that attempts wait for after main was replaced (N9). */
  readonly pausedBy: readonly string[]
  readonly lagSeconds: number | undefined
  readonly mainLsn: string | undefined
  readonly replicaLsn: string | undefined
}

type Problem = Health['problems'][number]

/** Judges a site from its facts. Pure: the same facts always give the same answer. */
export function judgeHealth(facts: HealthFacts): Health {
  const problems = findProblems(facts)
  const canRecord = facts.journalFailure === undefined
  const { counts } = facts.journal
  const attempts = facts.applier.applied + facts.applier.failed
  return {
    status: canRecord ? (problems.length === 0 ? 'healthy' : 'degraded') : 'unhealthy',
    database: facts.main.isConnected ? 'connected' : 'unreachable',
    redis: 'unused',
    replica: facts.replica,
    can_record: canRecord,
    transaction_buffer: {
      size: counts.buffered + counts.parked,
      failed: counts.rejected,
      oldest_pending_seconds: facts.oldestPendingMs / 1000,
    },
    background_processor: {
      status: facts.applier.status,
      last_run:
        facts.applier.lastRunMs === undefined ? null : new Date(facts.applier.lastRunMs).toISOString(),
      transactions_processed: facts.applier.applied,
      success_rate: attempts === 0 ? 1 : facts.applier.applied / attempts,
    },
    replication_lag: {
      current_lag_seconds: facts.lagSeconds ?? null,
      main_lsn: facts.mainLsn ?? null,
      replica_lsn: facts.replicaLsn ?? null,
    },
    site: facts.site,
    problems,
  }
}

const maxLagSeconds = 300

function findProblems(facts: HealthFacts): Problem[] {
  const { counts, bytes } = facts.journal
  const problems: Problem[] = []
  const add = (code: string, message: string, hint: string) => problems.push({ code, message, hint })
  if (facts.journalFailure !== undefined) {
    add(
      'journal_failed',
      `The journal takes no writes: ${facts.journalFailure}`,
      'Check the disk, then restart the site.',
    )
  }
  if (!facts.main.isConnected) {
    const reason = facts.main.reason ?? 'no answer'
    add(
      'main_unreachable',
      `Main is out of reach: ${reason}`,
      'Recording goes on. Check the link when it lasts.',
    )
  }
  if (facts.replica === 'unreachable') {
    add(
      'replica_unreachable',
      'The local replica does not answer.',
      'Reads go to main meanwhile; start the replica.',
    )
  }
  if (facts.replica === 'diverged') {
    add(
      'replica_diverged',
      'The local replica does not follow main.',
      'Rebuild it from main when it does not catch up.',
    )
  }
  if (counts.rejected > 0) {
    add(
      'dead_letters',
      `${counts.rejected} transactions were rejected by main.`,
      'Look at them: `outpost tx list --state rejected`.',
    )
  }
  if (counts.buffered + counts.parked > facts.bufferAlarmSize) {
    add(
      'buffer_large',
      `${counts.buffered + counts.parked} transactions wait for main.`,
      'They drain by themselves once main answers.',
    )
  }
  if (facts.lagSeconds !== undefined && facts.lagSeconds > maxLagSeconds) {
    add(
      'replica_lags',
      `The replica is ${Math.round(facts.lagSeconds)} s behind.`,
      'Check the WAL stream and the replica.',
    )
  }
  if (facts.pausedBy.length > 0) {
    add(
      'attempts_paused',
      `Main was replaced; what refers to missing rows waits for ${facts.pausedBy.join(', ')}.`,
      'Bring these sites back, or run `outpost site release-attempts` when they will not come.',
    )
  }
  if (facts.applier.stopped) problems.push(facts.applier.stopped)
  if (facts.journalMaxBytes !== undefined && bytes > facts.journalMaxBytes * 0.8) {
    const percent = Math.round((bytes / facts.journalMaxBytes) * 100)
    add(
      'journal_filling',
      `The journal is ${percent} % full.`,
      'Restore the link or raise JOURNAL_MAX_BYTES before it is full.',
    )
  }
  return problems
}
