import type { ClientBase } from 'pg'
import type { CallsSetting } from '../applier/calls-under-way.ts'
import type { Tracked } from '../applier/lsn-tracker.ts'
import type { Effect } from '../effects/effect-runner.ts'
import type { JournalFallback, JournalStatistics, TransactionStatus } from '../journal/journal.ts'
import type { Catalog, TableName } from '../postgres/catalog.ts'
import type { TlsSettings } from '../postgres/tls.ts'
import type { PreflightOptions } from '../preflight/preflight.ts'
import type { TransactionBuilder } from '../transaction/builder.ts'
import type { TextRow } from '../transaction/operation.ts'
import type { TransactionState } from '../transaction/state.ts'
import type {
  Epoch,
  Idempotency,
  Seq,
  StoredAnswer,
  TransactionId,
  TransactionRecord,
} from '../transaction/transaction.ts'
import type { DeadLetters } from './dead-letters/dead-letters-api.ts'
import type { ConflictQuery, RecordedConflict } from './recorded-conflicts.ts'

export interface AppendOptions {
  readonly idempotency?: Idempotency
  /** Built inside the critical section; stored with the transaction so that a retry gets the same (N22). */
  readonly answer?: (transaction: { readonly id: TransactionId }) => StoredAnswer
  /**
   * Runs inside the critical section of the touched keys, before the append, beside the site's own pre-flight: for an
   * application's state machines and rules that no constraint tells. Throwing refuses the write and nothing is stored.
   * Resolving to `shape_only` accepts it flagged.
   */
  readonly check?: () => Promise<'checked' | 'shape_only'>
  /** False leaves this transaction's constraints to main, where the site looks at them before it records. */
  readonly preflight?: boolean
  readonly actor?: string
  /** It may use the journal's reserve (`journalReserveBytes`) when the rest is full. Default false. */
  readonly isCritical?: boolean
}

export interface Receipt {
  readonly transactionId: TransactionId
  readonly seq: Seq
  readonly epoch: Epoch
  readonly state: TransactionState
  /** Signed token: hand it back to be sure to see this write. */
  readonly token: string
  readonly answer?: StoredAnswer
  /** True when the same Idempotency-Key had been answered before: nothing was stored again. */
  readonly isReplayed: boolean
  /** Resolves when main has committed it; rejects on rejection (`details` say why) or `wait_timeout`. */
  applied(options?: {
    readonly timeoutMs?: number
    readonly signal?: AbortSignal
  }): Promise<TransactionStatus>
  /** Resolves when its ledger row was read on the site's replica. */
  replicated(options?: {
    readonly timeoutMs?: number
    readonly signal?: AbortSignal
  }): Promise<TransactionStatus>
}

export interface ReadOptions {
  /** A token from an earlier answer: the read waits briefly for what it names, then fails with `not_here_yet`. */
  readonly token?: string
  /** Deadline of the whole read. Default 30,000. */
  readonly timeoutMs?: number
  /** Only this node: for a check that must not wait for main. */
  readonly node?: 'replica' | 'main'
}

export interface ReadAnswer<Row> {
  readonly rows: readonly Row[]
  readonly servedBy: 'replica' | 'main'
  readonly why: string
}

export interface TransactionView {
  readonly record: TransactionRecord
  /** What waits names in `parkedBy` what it waits for now: the decision, where there is one about its dead letter. */
  readonly status: TransactionStatus
  /** The decision about it, once an operator has made one (N3). */
  readonly decidedBy?: TransactionRecord
}

export interface Health {
  readonly status: 'healthy' | 'degraded' | 'unhealthy'
  /** Whether main answers. */
  readonly database: 'connected' | 'unreachable'
  /** Since main last answered anything; null before first contact. */
  readonly main_contact_age_seconds: number | null
  readonly redis: 'connected' | 'unreachable' | 'unused'
  readonly replica: 'connected' | 'unreachable' | 'diverged' | 'unused'
  readonly can_record: boolean
  readonly transaction_buffer: {
    readonly size: number
    readonly failed: number
    readonly oldest_pending_seconds: number
  }
  readonly background_processor: {
    readonly status: 'running' | 'waiting' | 'stopped'
    readonly last_run: string | null
    readonly transactions_processed: number
    readonly success_rate: number
  }
  readonly replication_lag: {
    readonly current_lag_seconds: number | null
    readonly main_lsn: string | null
    readonly replica_lsn: string | null
  }
  readonly site: {
    readonly name: string
    readonly type: 'main' | 'secondary'
    readonly epoch: Epoch
    readonly journal: 'lmdb' | 'redis'
    readonly durability: 'full' | 'relaxed'
    /** Where several processes share the journal: whether this one drains it. */
    readonly leads?: boolean
    /** What is recorded goes there while Redis is away; left out where there is none. */
    readonly fallback?: JournalFallback
  }
  /** What is wrong, in words, and what to do. Empty when healthy. */
  readonly problems: readonly { readonly code: string; readonly message: string; readonly hint: string }[]
}

export interface BufferStatistics {
  readonly pending_transactions: number
  readonly failed_transactions: number
  readonly processing_rate: number
  readonly average_execution_time_ms: number
  readonly buffer_size_mb: number
  readonly states: JournalStatistics['counts']
  readonly last_batch: {
    readonly transactions: number
    readonly bytes: number
    readonly duration_ms: number
  } | null
}

export type SiteEvent =
  | {
      readonly kind: 'transaction'
      readonly id: TransactionId
      readonly seq: Seq
      readonly state: TransactionState
      readonly atMs: number
    }
  | { readonly kind: 'link'; readonly main: 'connected' | 'unreachable'; readonly reason?: string }
  | { readonly kind: 'replica'; readonly replica: 'connected' | 'unreachable' | 'diverged' }
  | { readonly kind: 'lineage'; readonly lineage: string; readonly redriven: number }
  | { readonly kind: 'alarm'; readonly code: string; readonly message: string; readonly hint: string }

/** One site: journal, applier, overlay and the connections they need. Made by `openSite`. */
export interface Site {
  readonly name: string
  readonly type: 'main' | 'secondary'
  /** Whether main serves every read: then what it lacks is absent. A replica may only be behind. */
  readonly readsMainOnly: boolean
  readonly catalog: Catalog
  /** Whether main has answered the applier a moment ago, as far as is known: silence ends it within seconds. */
  readonly isMainConnected: boolean
  /** Where what is recorded goes while Redis is away; undefined where there is no such place. */
  readonly fallback: JournalFallback | undefined
  /** What an acknowledgement promises: `relaxed` may lose the last seconds before a crash of Redis. */
  readonly durability: 'full' | 'relaxed'
  transaction(): TransactionBuilder
  /** Durable when it resolves (P1). Never waits for the link (P2). */
  append(transaction: TransactionBuilder, options?: AppendOptions): Promise<Receipt>
  /** A SELECT over the replica (or main) merged with every pending row (P6). */
  read<Row = Record<string, unknown>>(
    sql: string,
    values?: readonly unknown[],
    options?: ReadOptions,
  ): Promise<ReadAnswer<Row>>
  /** One row by primary key; answers pending rows even with every database away. Undefined where absence is proven. */
  readRow(
    table: TableName,
    key: Readonly<Record<string, unknown>>,
    options?: ReadOptions,
  ): Promise<{ readonly row: TextRow; readonly state: TransactionState } | undefined>
  /**
   * What is pending for a row, known without any database: the whole row of an insert, the changed columns of a patch.
   * Undefined when nothing is.
   */
  pendingRow(
    table: TableName,
    key: Readonly<Record<string, unknown>>,
  ): Promise<
    | {
        readonly kind: 'insert' | 'patch' | 'delete'
        readonly row: TextRow
        readonly state: TransactionState
      }
    | undefined
  >
  /**
   * The columns that this site's own recent changes have set in a row, pending or confirmed long since, known without
   * any database; refused ones do not count. Undefined when none is remembered: of the 50,000 rows changed last here,
   * as far back as the journal retains. Others may have changed the row since.
   */
  recentChanges(table: TableName, key: Readonly<Record<string, unknown>>): Promise<TextRow | undefined>
  /** State of the row's newest pending transaction, `replicated` when there is none. */
  rowState(table: TableName, key: Readonly<Record<string, unknown>>): TransactionState
  /**
   * Writes straight to main in one database transaction: reference data, which is not journalled. Its
   * Idempotency-Key and answer commit with it. Errors: `main_unreachable`, `lineage_refused`.
   */
  writeMain(
    statements: (
      query: (sql: string, values?: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>,
    ) => Promise<StoredAnswer>,
    options?: { readonly idempotency?: Idempotency },
  ): Promise<StoredAnswer & { readonly isReplayed: boolean }>
  /**
   * Runs `work` on main in one database transaction and waits until the site's replica has replayed it: the position is
   * taken after the commit (E1). `replicated` is false when `timeoutMs` (default `lsnTimeoutMs`) ran out; where
   * `lsnTracking` is off the replica is looked at once and not waited for. Errors: `main_unreachable`, `lineage_refused`, what `work` or PostgreSQL says; never for a slow replica.
   */
  executeAndTrack<T>(
    work: (client: Pick<ClientBase, 'query'>) => Promise<T>,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<Tracked<T>>
  /** N4: accepts the present main although it does not descend from the one written to before. An operator's decision. */
  acceptMain(): Promise<void>
  /**
   * N9: no longer waits for other sites to bring what main lost: a reference that is still missing counts as wrong. An
   * operator's decision. Errors: `main_unreachable`.
   */
  releaseAttempts(): Promise<void>
  /**
   * P11: counts what main shows as confirmed, for a site whose replica will not be back for long; else the journal keeps
   * everything that the replica was not seen to have. Answers how many transactions. Until the replica has caught up,
   * reads of them need main. An operator's decision. Errors: `main_unreachable`, `release_refused` while the replica
   * confirms by itself.
   */
  releaseUnconfirmed(): Promise<number>
  /**
   * N11: goes on applying after a stop for which somebody had to act: ten equal rejections (which only this or a restart
   * ends), a refused role, a missing schema. An operator's decision, once the cause is mended. Errors:
   * `nothing_to_resume`.
   */
  resumeApplying(): Promise<void>
  /** Whether a token is one that a site with this secret made; it waits for nothing. Error: `token_invalid`. */
  checkToken(token: string): void
  /** What operators can do about rejected transactions (N3). */
  readonly deadLetters: DeadLetters
  transactionById(id: TransactionId): Promise<TransactionView | undefined>
  transactions(options?: {
    readonly state?: TransactionState
    readonly after?: Seq
    readonly limit?: number
  }): Promise<readonly TransactionView[]>
  /**
   * Conflicts that a transaction of this site had a part in, on either side, newest first, as the site's replica has them;
   * main is asked where the replica is silent, or has nothing of the transaction asked for. Errors: `main_unreachable`.
   */
  conflicts(query?: ConflictQuery): Promise<readonly RecordedConflict[]>
  health(): Promise<Health>
  bufferStatistics(): BufferStatistics
  /** Tells of everything, or of these kinds only; the answer ends it. */
  onEvent(listener: (event: SiteEvent) => void, kinds?: readonly SiteEvent['kind'][]): () => void
  /** Answers what was accepted, does not wait for the drain. Idempotent. */
  stop(): Promise<void>
}

/** How a database is reached; the members of {@link TlsSettings} say how that is encrypted. */
export interface SiteDatabase extends TlsSettings {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password?: string
  readonly database: string
}

export interface SiteRedis {
  readonly host: string
  readonly port: number
  /** Default 0. */
  readonly database?: number
  readonly user?: string
  readonly password?: string
  /** How long the process that drains may say nothing before another takes over. Default 5,000. */
  readonly leadMs?: number
}

export interface SiteOptions {
  readonly name: string
  readonly type: 'main' | 'secondary'
  readonly main: SiteDatabase
  /** The site's replica. The main site reads on main; given there, it is a standby that serves reads while main is away. */
  readonly local?: SiteDatabase
  readonly journalPath: string
  /** Signs tokens. At least 16 characters. */
  readonly secretKey: string
  readonly journalMaxBytes?: number
  /** The last part of `journalMaxBytes`, which only critical writes may use. Default: a fifth of it. */
  readonly journalReserveBytes?: number
  /**
   * Size of the journal above which confirmed transactions go before their retention has passed. Default: half of
   * `journalMaxBytes`.
   */
  readonly journalRetentionBytes?: number
  /**
   * Keeps the journal in Redis, where several processes of the site share it; `journalPath` then holds only the table
   * definitions. Left out: LMDB in `journalPath`, for one process.
   */
  readonly redis?: SiteRedis
  /** `relaxed` takes a Redis that syncs every second. Default `full`. */
  readonly journalDurability?: 'full' | 'relaxed'
  /**
   * With `redis`: `lmdb` keeps a copy of the journal in `journalPath`, shared by the processes of the site on one machine,
   * which is the journal while Redis is away, full or has lost something. Default `none`.
   */
  readonly journalFallback?: 'none' | 'lmdb'
  /** Retention after confirmation, milliseconds. Default 7 days. */
  readonly journalRetentionMs?: number
  /** `none`, or application names of standbys that could become main (N13). Unset means unknown: keep. */
  readonly promotableStandbys?: readonly string[] | 'none'
  /** Pending transactions above which health warns; an alarm, not a limit. Default 1,000. */
  readonly bufferAlarmSize?: number
  readonly retryAttempts?: number
  readonly retryDelayMs?: number
  readonly idleIntervalMs?: number
  /**
   * Batches under way to main at once; main takes one after the other in the order of the journal. Default `auto`: more
   * than one where the round trip is long beside the work of a batch.
   */
  readonly applierCalls?: CallsSetting
  /**
   * Follows the replica closely: looks for what was applied every `lsnCheckIntervalMs` instead of every
   * `idleIntervalMs`, shows positions in health, and lets `executeAndTrack` wait. Default true.
   */
  readonly lsnTracking?: boolean
  /** Between two looks at the replica. Default 100. */
  readonly lsnCheckIntervalMs?: number
  /** Longest wait for the replica when the caller does not say. Default 30,000. */
  readonly lsnTimeoutMs?: number
  /**
   * What is to happen outside the database once main has committed a transaction of this site: at least once, one after
   * another in the order of the journal, beginning with what was not applied when the option was first given. See
   * {@link Effect}.
   */
  readonly onApplied?: Effect
  /**
   * Looks at every transaction's constraints over the replica before it is recorded, so that what main would refuse is
   * refused now: `check_failed`, `already_exists`, `reference_missing`, `reference_in_use`. What cannot be looked up
   * within the budget is accepted and flagged `shape_only`. `{}` for the defaults; left out, main decides alone.
   */
  readonly preflight?: PreflightOptions
  /** Schemas to introspect; default `['public']`. */
  readonly schemas?: readonly string[]
}
