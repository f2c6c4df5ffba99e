/** A site: record durably beside an unreliable link, read everything merged, reach main exactly once. */
export { LsnTracker, type LsnTrackerOptions, type Tracked } from './applier/lsn-tracker.ts'
export { type Clock, systemClock } from './clock/clock.ts'
export type { Effect } from './effects/effect-runner.ts'
export { type ErrorCode, type ErrorCodeEntry, errorCodes } from './errors/codes.ts'
export { isOutpostError, OutpostError } from './errors/outpost-error.ts'
export type {
  Journal,
  JournalReader,
  JournalStatistics,
  StatusChange,
  TransactionStatus,
} from './journal/journal.ts'
export { openLmdbJournal, readLmdbJournal } from './journal/lmdb/open.ts'
export type { Catalog, Column, ColumnType, ConflictPolicy, Table, TableName } from './postgres/catalog.ts'
export { connectionConfig } from './postgres/connection-config.ts'
export { DatabaseClient } from './postgres/database-client.ts'
export { type SslMode, sslModes, type TlsSettings, tlsProblems } from './postgres/tls.ts'
export { tlsAdvice } from './postgres/tls-advice.ts'
export type { PreflightOptions } from './preflight/preflight.ts'
export type {
  Cone,
  DeadLetters,
  DecisionFacts,
  DecisionOptions,
  DecisionReceipt,
  MainRow,
  MainRows,
  PatchOperation,
  PreviewedDecision,
  Waiting,
} from './site/dead-letters/dead-letters-api.ts'
export { openSite, openSiteWith, type SiteSeams } from './site/open-site.ts'
export type { ConflictQuery, RecordedConflict } from './site/recorded-conflicts.ts'
export type {
  AppendOptions,
  BufferStatistics,
  Health,
  ReadAnswer,
  ReadOptions,
  Receipt,
  Site,
  SiteDatabase,
  SiteEvent,
  SiteOptions,
  SiteRedis,
  TransactionView,
} from './site/site-api.ts'
export { TransactionBuilder } from './transaction/builder.ts'
export { fromText, type JsonValue } from './transaction/from-text.ts'
export type { Operation, TextRow, TextValue } from './transaction/operation.ts'
export { type TransactionState, transactionStates, transitions } from './transaction/state.ts'
export type {
  Decision,
  DecisionKind,
  Epoch,
  Idempotency,
  Seq,
  StoredAnswer,
  TransactionDraft,
  TransactionFlag,
  TransactionId,
  TransactionRecord,
} from './transaction/transaction.ts'
