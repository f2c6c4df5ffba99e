import type { Table } from '../../postgres/catalog.ts'
import type { Operation } from '../../transaction/operation.ts'
import { rowKey } from '../../transaction/row-key.ts'
import type { Seq, TransactionRecord } from '../../transaction/transaction.ts'

/**
 * Where a replay's changes are read: in the place of what it replaces, so that what waited for that follows them as it
 * will on main (N3). Undefined for all that stands in the journal's order.
 */
export function elderPlaces({
  decision,
}: TransactionRecord): ((table: Table, operation: Operation) => Seq | undefined) | undefined {
  const { places = [] } = decision ?? {}
  if (places.length === 0) return undefined
  const byRow = new Map(places.flatMap(({ seq, rows }) => rows.map((row) => [row, seq] as const)))
  return (table, operation) => {
    const key = rowKey(table, operation.kind === 'insert' ? operation.row : operation.key)
    return key === undefined ? undefined : byRow.get(key)
  }
}
