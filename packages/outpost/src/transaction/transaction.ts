import type { SchemaVersion } from '../schema/schema-history.ts'
import type { Operation } from './operation.ts'

/** Dense number of a journal record, from 1; a safe integer. */
export type Seq = number
/** UUID of one life of a journal. */
export type Epoch = string
/** UUIDv7 made at the edge. */
export type TransactionId = string

/** N22: scope is site and API token; the answer is stored in the same record. */
export interface Idempotency {
  readonly scope: string
  readonly key: string
  /** SHA-256 (hex) of method, path and body. */
  readonly requestDigest: string
}

/** What the client was told, kept so that a retry gets the same. `body` is JSON. */
export interface StoredAnswer {
  readonly status: number
  readonly body: unknown
}

export type TransactionFlag =
  /** Checked for shape only: the overlaid replica did not answer within the budget. */
  | 'shape_only'
  /** Old values, triggers or functions make its conflict set unknown (N10). */
  | 'common_lane'

/** What an operator does about a dead letter (N3). */
export type DecisionKind = 'replay' | 'edit' | 'resolve' | 'discard'

/** Rows whose pending changes are read as if they stood at an elder place than their transaction's own. */
export interface ElderPlace {
  readonly seq: Seq
  /** Row keys as the conflict set has them (`pk|<table>|<values>`). */
  readonly rows: readonly string[]
}

/**
 * An operator's decision, recorded as a transaction of its own (N3). It stands in the order for what it decides on:
 * whatever waited for that waits for it.
 */
export interface Decision {
  readonly kind: DecisionKind
  /** The dead letter first; of a discard then its cone, in journal order. */
  readonly on: readonly { readonly seq: Seq; readonly id: TransactionId }[]
  readonly reason?: string
  /** Of a replay or edit: where its changes take the place of those that it replaces. */
  readonly places?: readonly ElderPlace[]
  /** Keys that it writes and whose last writer waits for it: whoever comes next needs that writer, not the decision (N9). */
  readonly followed?: readonly string[]
}

/** A transaction as the caller hands it to the journal: complete, checked, without a number yet. */
export interface TransactionDraft {
  readonly id: TransactionId
  readonly operations: readonly Operation[]
  /** SHA-256 (hex) over the canonical form of the operations. */
  readonly digest: string
  /** Conflict set (N10): `mode:key` strings, see conflict-set.ts. */
  readonly writes: readonly string[]
  readonly references: readonly string[]
  /** Earlier transactions, not known applied when it was made, that it needs (N9). */
  readonly dependsOn: readonly Seq[]
  readonly catalogVersion: string
  /**
   * Version of the application's schema on main that it was made under; absent where the site could not tell, as in
   * records of earlier versions: such a one is never lifted.
   */
  readonly schemaVersion?: SchemaVersion
  readonly flags: readonly TransactionFlag[]
  readonly idempotency?: Idempotency
  readonly answer?: StoredAnswer
  /** The transaction that this one replays or edits (N3). */
  readonly replaces?: TransactionId
  /** What it decides on, when an operator made it. A resolve or discard has no operations. */
  readonly decision?: Decision
  /** Who asked: token name or user, for audit. */
  readonly actor?: string
  /** Its hybrid logical clock (see `HybridClock`), where it changes a row of a table whose last writer wins. */
  readonly stamp?: string
}

/** A transaction in the journal. Immutable; its state is kept beside it. */
export interface TransactionRecord extends TransactionDraft {
  readonly seq: Seq
  readonly epoch: Epoch
  /** Wall clock of the site in milliseconds since 1970, set at append. */
  readonly bufferedAtMs: number
}
