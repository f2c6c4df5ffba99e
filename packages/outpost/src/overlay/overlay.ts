import type { Catalog, TableName } from '../postgres/catalog.ts'
import type { TextRow } from '../transaction/operation.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { Epoch, Seq, TransactionId, TransactionRecord } from '../transaction/transaction.ts'

/** What a node's own snapshot must show before it may serve a merged read (N15, N17). */
export interface Coverage {
  readonly site: string
  /** Row of `outpost.lineage` that the current main carries; undefined before first contact: no check. */
  readonly lineage?: string
  /** The newest transaction taken out of the overlay; undefined when none ever was. */
  readonly floor?: { readonly epoch: Epoch; readonly seq: Seq }
}

/** Runs one statement on one node; a thin face of a pg client or pool. Values travel as text. */
export interface NodeExecutor {
  query(statement: {
    readonly text: string
    readonly values: readonly unknown[]
    /** Named prepared statement; undefined for an unnamed one. */
    readonly name?: string
    readonly rowMode?: 'array'
  }): Promise<{
    readonly rows: readonly unknown[]
    readonly fields: readonly { readonly name: string }[]
    readonly rowCount: number | null
  }>
}

/** One pending row after folding. `image` columns are complete for `insert`, only the changed ones for `patch`. */
export interface FoldedRow {
  readonly table: TableName
  readonly key: TextRow
  readonly kind: 'insert' | 'patch' | 'delete'
  readonly image: TextRow
  /** Transactions that touch it, oldest first. */
  readonly seqs: readonly Seq[]
  readonly transactionId: TransactionId
  readonly state: TransactionState
}

export interface MergedRead {
  readonly rows: readonly Record<string, unknown>[]
  readonly fields: readonly string[]
  /** Pending rows that the statement carried, for `why` and the benchmarks. */
  readonly carriedRows: number
}

/** A version of the overlay kept for statements that share one snapshot (N16). Release it, or its deadline does. */
export interface OverlayPin {
  readonly version: Seq
  release(): void
}

/** The transactions that an overlay holds. */
export interface HeldTransactions {
  /** The oldest and the newest; undefined when it holds none. */
  readonly range: { readonly first: Seq; readonly last: Seq } | undefined
  holds(seq: Seq): boolean
}

/**
 * Says which of the held transactions the node shows by itself in the snapshot that it is in, whole. Throws where the
 * snapshot will not do.
 */
export type FindArrived = (node: NodeExecutor, held: HeldTransactions) => Promise<ReadonlySet<Seq>>

/** What a merged read rests on, beside what is pending. */
export interface QueryOptions {
  readonly coverage: Coverage
  /** For statements of one fixed snapshot of the caller's (N16). */
  readonly pin?: OverlayPin
  /**
   * For a caller that has seen what others made of this site's rows (N21): what has arrived on the node is read there
   * and covers nothing. The statement then runs in a snapshot of its own on the node, which must be outside a transaction; not with a pin.
   */
  readonly findArrived?: FindArrived
}

/**
 * A site's pending transactions folded per row.
 *
 * Invariant: after `fold` returned, every merged read that starts later shows the record; a transaction taken out
 * is never missed, because each statement names the floor and the node proves it in the same snapshot.
 */
export interface Overlay {
  /** Takes in durable records, in seq order; cheap and synchronous. */
  fold(records: readonly TransactionRecord[]): void
  /**
   * Removes transactions that were read as applied on the replica, in the order in which they were read; moves the
   * floor. Of one row the older leave before the younger, as they were applied (P4). `dismissed` ones (discarded, resolved, superseded) have no ledger row to prove and leave it where it is.
   * What a statement or pin under way still needs goes when that ends.
   */
  takeOut(seqs: readonly Seq[], why?: 'replicated' | 'dismissed'): void
  /** Puts retained transactions back after main or the replica was replaced (N15); the floor falls below them. */
  putBack(records: readonly TransactionRecord[]): void
  /**
   * Folds what is pending anew in the form of other table definitions, beside the reads, and then calls `use`, which puts
   * these in force: no read sees the one without the other.
   */
  changeDefinitions(next: Catalog, use: () => void): Promise<void>
  readonly version: Seq
  readonly floor: { readonly epoch: Epoch; readonly seq: Seq } | undefined
  pendingRows(table: TableName): number
  /** Whether rows of the table are to be deleted, or to change columns that others refer to. */
  hasRemovals(table: TableName): boolean
  /** The pending row with this primary key (text values), or undefined. */
  row(table: TableName, key: TextRow): Promise<FoldedRow | undefined>
  /** State of the newest pending transaction that touches the row; `replicated` when none does. */
  stateOf(table: TableName, key: TextRow): TransactionState
  pin(deadlineMs: number): OverlayPin
  /**
   * Runs a SELECT on a node as if the pending rows were there. Errors: `read_refused`, `read_invalid`, what
   * PostgreSQL says, and SQLSTATE `OP001` (lineage) or `OP002` (floor) when the node does not cover.
   */
  query(
    node: NodeExecutor,
    sql: string,
    values: readonly unknown[],
    options: QueryOptions,
  ): Promise<MergedRead>
}
