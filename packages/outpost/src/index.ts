/** What every door shares: errors, positions, tokens and the words of a site. Opens no connection by itself. */
export { type Clock, systemClock } from './clock/clock.ts'
export { type ErrorCode, type ErrorCodeEntry, errorCodes } from './errors/codes.ts'
export { type ErrorOptions, isOutpostError, OutpostError } from './errors/outpost-error.ts'
export { compareLsn, formatLsn, type Lsn, normalizeInsertLsn, parseLsn } from './position/lsn.ts'
export { comparePositions, hasReached, type Position } from './position/position.ts'
export { emptyToken, includesToken, mergeTokens, type SeenRecord, type Token } from './position/token.ts'
export { TokenCodec } from './position/token-codec.ts'
export type { Catalog, Column, ColumnType, ConflictPolicy, Table, TableName } from './postgres/catalog.ts'
export { introspect } from './postgres/introspect.ts'
export { quoteIdent } from './postgres/quote.ts'
export { resolveTable } from './postgres/resolve-table.ts'
export { classify, type ErrorClass } from './postgres/sqlstate.ts'
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
  TransactionFlag,
  TransactionId,
  TransactionRecord,
} from './transaction/transaction.ts'
