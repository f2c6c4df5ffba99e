import type { Clock } from '../clock/clock.ts'
import type { Journal, StatusChange } from '../journal/journal.ts'
import type { PlanLimits } from '../ledger/batch-plan.ts'
import type { TableRules } from '../ledger/table-rules.ts'
import type { TableName } from '../postgres/catalog.ts'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'
import type { BackoffOptions } from './backoff.ts'
import type { BatchSize } from './batch-size.ts'
import type { CallsSetting } from './calls-under-way.ts'
import type { OpenMainSession } from './main-session.ts'
import type { SiteSchema } from './sent-schema.ts'
import type { Decided } from './stand-ins.ts'

/** Something that a person must know: it does not pass by itself, or it should not have happened. */
export interface ApplierAlarm {
  readonly code:
    | 'lineage_refused'
    | 'epoch_fenced'
    | 'not_migrated'
    | 'schema_unknown'
    /** Main's ledger is of another major version than this site's software. */
    | 'ledger_version'
    | 'configuration'
    | 'stuck'
    | 'rejections'
    | 'digest_differs'
    | 'effects'
    /** The journal could not be written; tried again by itself. */
    | 'journal'
  readonly message: string
  readonly hint: string
}

export interface LineageNews {
  readonly lineage: string
  /** Where main stood when that lineage began. */
  readonly lineageLsn: string
  readonly chain: readonly string[]
  /** False when main is the one that the site knew. */
  readonly isChanged: boolean
  /** Transactions that main lacked and that are applied again. */
  readonly redriven: number
}

export interface FinishedBatch {
  readonly transactions: number
  readonly bytes: number
  readonly durationMs: number
  readonly applied: number
  readonly rejected: number
  /** Flushed position of main behind it, `timeline/LSN`. */
  readonly position: string
  /** Sites that have not brought again what main lost: missing rows wait for them without counting attempts (N9). */
  readonly pausedBy: readonly string[]
}

/** Called in the applier's own turn: what they throw stops nothing, and they must not wait for the applier. */
export interface ApplierListeners {
  /** Before a CALL: whatever becomes of it, main may have transactions up to this one from now on. */
  readonly onSend?: (newest: Seq) => void
  /** Statuses that were written to the journal. */
  readonly onStatus?: (changes: readonly StatusChange[]) => void
  /** Before transactions that main lost go back in line: the overlay must show them again first (P8). */
  readonly onRedrive?: (records: readonly TransactionRecord[]) => void | Promise<void>
  /** At every contact, after the comparison with the ledger. */
  readonly onLineage?: (news: LineageNews) => void | Promise<void>
  readonly onLink?: (main: 'connected' | 'unreachable', reason?: string) => void
  readonly onAlarm?: (alarm: ApplierAlarm) => void
  readonly onBatch?: (batch: FinishedBatch) => void
  /** Main answered with a refusal, or is refused by the site: it is not away. */
  readonly onRefusal?: () => void
  /** Main's flushed position, at every contact. */
  readonly onPosition?: (position: string) => void
}

export interface ApplierOptions extends ApplierListeners {
  /** What operators have decided; left out, as the journal's statuses say. */
  readonly decided?: Decided
  readonly site: string
  readonly journal: Journal
  readonly clock: Clock
  readonly openSession: OpenMainSession
  /** In [0, 1); spreads the backoff. */
  readonly random: () => number
  /** Which writes may change places; see `tableRules`. Asked anew for each batch, so that a newer catalog counts. */
  readonly rules: () => (table: TableName) => TableRules
  /** What the site knows of main's schema; left out, everything is sent as it was recorded. */
  readonly schema?: SiteSchema
  /** Attempts of a missing reference (N9). Default 3. */
  readonly retryAttempts?: number
  /** Between those attempts. Default 5,000. */
  readonly retryDelayMs?: number
  /** Longest pause of an idle applier, after which it writes the heartbeat. Default 1,000. */
  readonly idleIntervalMs?: number
  /** Between the starts of two CALLs with few transactions, so that those recorded meanwhile share one. Default 0. */
  readonly gatherMs?: number
  readonly backoff?: BackoffOptions
  /** Until the next try after a configuration error or a refused main. Default 30,000. */
  readonly configurationRetryMs?: number
  /** Until a stuck transaction is tried again. Default 60,000. */
  readonly stuckRetryMs?: number
  readonly planLimits?: PlanLimits
  /** CALLs under way at once. Default: `auto`. */
  readonly calls?: CallsSetting
  /** No CALL carries more. Default: as much as has proven to arrive, up to 8 MiB and 8,192 transactions. */
  readonly largestBatch?: BatchSize
}

export type ApplierState =
  | { readonly kind: 'stopped' }
  /** Out of contact; comes back by itself. */
  | { readonly kind: 'waiting'; readonly reason: string }
  /** Somebody must act; tried again slowly, or not before `resume()` when `isFinal`. */
  | { readonly kind: 'blocked'; readonly alarm: ApplierAlarm; readonly isFinal: boolean }
  | { readonly kind: 'running' }
  | { readonly kind: 'idle' }
