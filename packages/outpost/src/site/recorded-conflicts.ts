import type { ConflictPolicy, TableName } from '../postgres/catalog.ts'
import type { TransactionId } from '../transaction/transaction.ts'

type JsonRow = Readonly<Record<string, unknown>>

/** Where a change met another: the same for the sites of both, kept on main for 30 days. */
export interface RecordedConflict {
  /** Rises with time; names the place in a list. */
  readonly id: string
  /** By main's clock, as ISO 8601. */
  readonly at: string
  readonly table: TableName
  readonly key: JsonRow
  readonly policy: ConflictPolicy
  /** Site and transaction of the change that came later to main. */
  readonly site: string
  readonly transactionId: TransactionId
  /** Who had set what it met, as far as that was done through sites. */
  readonly otherSites: readonly string[]
  readonly otherTransactions: readonly TransactionId[]
  /** About which columns. */
  readonly columns: readonly string[]
  /** What the client of the change had seen, as far as it said so. */
  readonly base: JsonRow | null
  /** What it wanted; null to delete the row. */
  readonly mine: JsonRow | null
  /** What main had; null when the row had been deleted. */
  readonly theirs: JsonRow | null
  /** What an own function made of both, where it made anything. */
  readonly result: JsonRow | null
  /** Which of them stands: `merged` is something of both. */
  readonly winner: 'mine' | 'theirs' | 'merged'
  /** Columns of the change that were not taken over. */
  readonly lost: readonly string[]
  /** True where the whole transaction became a dead letter. */
  readonly isRejected: boolean
}

export interface ConflictQuery {
  /** In which this transaction had a part, on either side. */
  readonly transaction?: TransactionId
  readonly table?: TableName
  /** Newest first, older than this one. */
  readonly before?: string
  /** Default 50. */
  readonly limit?: number
}

/** A query that a node runs within its own deadline. */
export type AskNode = (sql: string, values: readonly unknown[]) => Promise<readonly JsonRow[]>

const sql = `
  SELECT id::text, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at, table_name AS "table", key, policy, site,
         transaction_id AS "transactionId", other_sites AS "otherSites", other_transactions::text[] AS "otherTransactions",
         columns, base, mine, theirs, result, winner, lost, is_rejected AS "isRejected"
  FROM outpost.conflict
  WHERE ($1::uuid IS NULL OR transaction_id = $1 OR other_transactions @> ARRAY[$1::uuid])
    AND ($2::text IS NULL OR table_name = $2) AND ($3::bigint IS NULL OR id < $3)
  ORDER BY id DESC LIMIT $4`

/** Conflicts as one node has them, newest first. Rejects with what the node says. */
export async function conflictsOn(ask: AskNode, query: ConflictQuery): Promise<readonly RecordedConflict[]> {
  const { transaction = null, table = null, before = null, limit = 50 } = query
  return (await ask(sql, [transaction, table, before, limit])) as unknown as readonly RecordedConflict[]
}
