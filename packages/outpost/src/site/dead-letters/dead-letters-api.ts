import type { TextRow } from '../../transaction/operation.ts'
import type { TransactionState } from '../../transaction/state.ts'
import type {
  DecisionKind,
  Idempotency,
  Seq,
  StoredAnswer,
  TransactionId,
} from '../../transaction/transaction.ts'
import type { Receipt } from '../site-api.ts'

/** A transaction that waits for another, as a cone shows it. */
export interface Waiting {
  readonly seq: Seq
  readonly id: TransactionId
  readonly state: TransactionState
}

/** Everything that waits for a transaction, directly or through others. */
export interface Cone {
  readonly count: number
  /** The first of them in journal order. */
  readonly first: readonly Waiting[]
}

/** A row of main that has to do with a rejection. */
export interface MainRow {
  /** `unique`: has the value that was to be written. `referenced`: what is referred to. `referring`: what refers to the row. `changed`: the row that was to be changed. */
  readonly why: 'unique' | 'referenced' | 'referring' | 'changed'
  readonly table: string
  readonly constraint?: string
  /** The values by which it was looked for. */
  readonly key: TextRow
  /** As JSON, by column; null where main has no such row. */
  readonly row: Readonly<Record<string, unknown>> | null
}

/** What main has now of the rows that a rejection is about; at most 10 of each kind. */
export type MainRows =
  | { readonly kind: 'answered'; readonly rows: readonly MainRow[] }
  /** Main did not answer in time, or not this question. */
  | { readonly kind: 'silent'; readonly reason: string }

/** One change of a list of operations (RFC 6902); paths such as `/0/row/name`. */
export type PatchOperation = Readonly<Record<string, unknown>>

/** What a decision is going to be, or was. */
export interface DecisionFacts {
  readonly kind: DecisionKind
  /** The new transaction; undefined on a dry run. */
  readonly id: TransactionId | undefined
  /** The dead letter. */
  readonly on: TransactionId
  /** How many transactions it decides on: one, or of a discard with its cone more. */
  readonly decided: number
  /** How many wait for it from now on. */
  readonly waiting: number
}

export interface DecisionOptions {
  /** Why; kept in the record and in main's ledger. At most 1,000 characters. */
  readonly reason?: string
  /** Who: name of the API token or user. */
  readonly actor?: string
  readonly idempotency?: Idempotency
  /** Made when nothing can refuse the decision any more; stored with it (N22). */
  readonly answer?: (decision: DecisionFacts) => StoredAnswer
}

export interface DecisionReceipt {
  /** Of the new transaction. */
  readonly receipt: Receipt
  /** Undefined when the same Idempotency-Key was answered before. */
  readonly decision: DecisionFacts | undefined
}

/**
 * What can be done about dead letters. Each decision is a durable transaction of its own (N3): it works while the link is
 * cut, reaches main in its turn and is audited in the ledger.
 *
 * Errors of all: `transaction_unknown`; `transition_refused` when it is no dead letter or somebody else was first;
 * `missing_value` or `invalid_value` for a reason; those of `append`.
 */
export interface DeadLetters {
  /** Everything that waits for it; `limit` (100) of them by name. Error: `transaction_unknown`. */
  cone(id: TransactionId, options?: { readonly limit?: number }): Promise<Cone>
  /** What main has now of the rows that the rejection is about. Never waits longer than `timeoutMs` (2,000). */
  mainRows(id: TransactionId, options?: { readonly timeoutMs?: number }): Promise<MainRows>
  /** Records the same operations again; what waited for the dead letter waits for the new transaction. */
  replay(id: TransactionId, options?: DecisionOptions): Promise<DecisionReceipt>
  /** As `replay`, with its operations changed by a JSON Patch and checked as a fresh write. Errors: `patch_invalid`, those of a builder. */
  edit(
    id: TransactionId,
    patch: readonly PatchOperation[],
    options?: DecisionOptions,
  ): Promise<DecisionReceipt>
  /** It is no longer needed: what waited for it goes on. */
  resolve(id: TransactionId, options: DecisionOptions & { readonly reason: string }): Promise<DecisionReceipt>
  /**
   * Throws it away. Error: `cone_waiting` while something waits for it, unless `cone` says that this goes with it. A
   * transaction that is only parked can be discarded, too.
   */
  discard(
    id: TransactionId,
    options: DecisionOptions & { readonly reason: string; readonly cone?: boolean },
  ): Promise<DecisionReceipt>
  /** What a decision would be, with the same errors; nothing is recorded. */
  preview(id: TransactionId, decision: PreviewedDecision): Promise<DecisionFacts>
}

export type PreviewedDecision =
  | { readonly kind: 'replay' }
  | { readonly kind: 'edit'; readonly patch: readonly PatchOperation[] }
  | { readonly kind: 'resolve'; readonly reason: string }
  | { readonly kind: 'discard'; readonly reason: string; readonly cone?: boolean }
