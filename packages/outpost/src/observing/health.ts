import type { JournalFallback, JournalStatistics } from '../journal/journal.ts'
import type { Health } from '../site/site-api.ts'
import type { Epoch, Seq } from '../transaction/transaction.ts'
import { findProblems } from './health-problems.ts'

/** What is known at the moment of asking; ages in milliseconds, undefined where nothing is known. */
export interface HealthFacts {
  readonly site: {
    readonly name: string
    readonly type: 'main' | 'secondary'
    readonly epoch: Epoch
    readonly journal: 'lmdb' | 'redis'
    readonly durability: 'full' | 'relaxed'
    readonly leads?: boolean
    readonly fallback?: JournalFallback
  }
  /** Default: unused. */
  readonly redis?: Health['redis']
  readonly journal: JournalStatistics
  readonly journalFailure: string | undefined
  /** Why the store of the journal does not answer; undefined when it does. */
  readonly journalAway?: string | undefined
  /** Why there is no room for an append now; undefined when there is. */
  readonly journalFull?: string | undefined
  readonly journalMaxBytes: number | undefined
  /** The last part of it, which only critical writes may use. */
  readonly journalReserveBytes: number
  /** What the disk still has for records. */
  readonly diskRoomBytes?: number | undefined
  readonly oldestPendingMs: number
  /** Since main has the oldest transaction that the site's replica was not seen to have. */
  readonly oldestUnconfirmedMs: number
  readonly bufferAlarmSize: number
  readonly main: MainContact
  readonly replica: 'connected' | 'unreachable' | 'diverged' | 'unused'
  /** What it says instead of answering, where waiting will not cure that. */
  readonly replicaRefusal?: { readonly reason: string; readonly hint: string } | undefined
  /** Tables whose reserved numbers run out. */
  readonly keyShortages?: readonly {
    readonly table: string
    readonly left: number
    readonly reason: string
  }[]
  /** Since when the replica answers without the row of main's lineage. */
  readonly replicaBehindMs: number | undefined
  readonly applier: {
    readonly status: 'running' | 'waiting' | 'stopped'
    readonly lastRunMs: number | undefined
    readonly applied: number
    readonly failed: number
    /** Why it stopped by itself, with what to do. */
    readonly stopped?: { readonly code: string; readonly message: string; readonly hint: string }
  }
  /** Transactions that fail again and again alone and are tried slowly (N11). */
  readonly stuck: readonly Seq[]
  /** What main said of the first of them. */
  readonly stuckReason?: string | undefined
  /** What was raised lately and has not stopped the applier; each with its age. */
  readonly alarms: readonly (Problem & { readonly ageMs: number })[]
  /** What is to happen outside the database fails, and since when; undefined while it does not. */
  readonly effects?: { readonly failure: string; readonly failingMs: number } | undefined
  /** Sites that attempts wait for after main was replaced (N9). */
  readonly pausedBy: readonly string[]
  /** Standbys that could become main and of which main tells nothing: the journal drops nothing then (N13). */
  readonly unknownStandbys: readonly UnknownStandby[]
  readonly lagSeconds: number | undefined
  readonly mainLsn: string | undefined
  readonly replicaLsn: string | undefined
}

/** A standby that the site was told of: `absent` where main has none of that name, `hidden` where its position is. */
export interface UnknownStandby {
  readonly name: string
  readonly why: 'absent' | 'hidden'
}

/** What is known of the link to main. */
export interface MainContact {
  readonly isConnected: boolean
  readonly reason?: string
  /** Since main last answered; undefined before it ever did. */
  readonly silentMs: number | undefined
  /** Whether the applier asks main now, so that silence tells something; not while it is blocked or rests. */
  readonly isAsked: boolean
  /** A main that is asked and says nothing for longer counts as away: behind a half-open link only silence tells. */
  readonly maxSilentMs: number
}

export type Problem = Health['problems'][number]

/** Whether main answers, by the last proof of it. One that is not asked keeps what its last answer proved. Pure. */
export function isInContact({ isConnected, silentMs = 0, isAsked, maxSilentMs }: MainContact): boolean {
  return isConnected && (!isAsked || silentMs <= maxSilentMs)
}

/** Judges a site from its facts. Pure: the same facts always give the same answer. */
export function judgeHealth(facts: HealthFacts): Health {
  const problems = findProblems(facts)
  const canRecord = [facts.journalFailure, facts.journalFull, facts.journalAway].every(
    (why) => why === undefined,
  )
  const { counts } = facts.journal
  const attempts = facts.applier.applied + facts.applier.failed
  return {
    status: canRecord ? (problems.length === 0 ? 'healthy' : 'degraded') : 'unhealthy',
    database: isInContact(facts.main) ? 'connected' : 'unreachable',
    main_contact_age_seconds:
      facts.main.silentMs === undefined ? null : Math.round(facts.main.silentMs / 100) / 10,
    redis: facts.redis ?? 'unused',
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
