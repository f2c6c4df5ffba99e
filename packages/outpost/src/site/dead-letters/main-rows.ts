import type { PoolClient } from 'pg'
import type { TransactionStatus } from '../../journal/journal.ts'
import type { Catalog } from '../../postgres/catalog.ts'
import { quoteIdent } from '../../postgres/quote.ts'
import type { TransactionRecord } from '../../transaction/transaction.ts'
import type { NodePool } from '../node-pool.ts'
import type { MainRow, MainRows } from './dead-letters-api.ts'
import { type Lookup, rejectionLookups } from './rejection-lookups.ts'

export interface MainRowsContext {
  readonly catalog: Catalog
  readonly main: NodePool
  readonly timeoutMs: number
}

/** Rows shown of one kind. */
const maximumRows = 10

/** What main has now of the rows that a rejection is about. Waits at most `timeoutMs`, and then says why there is no answer. */
export async function mainRowsOf(
  record: TransactionRecord,
  status: TransactionStatus,
  { catalog, main, timeoutMs }: MainRowsContext,
): Promise<MainRows> {
  const lookups = rejectionLookups(record.operations, status, catalog)
  if (lookups.length === 0) return { kind: 'answered', rows: [] }
  try {
    const rows = await main.run(timeoutMs, (client) => lookAll(client, lookups), { insists: true })
    return { kind: 'answered', rows }
  } catch (error) {
    return { kind: 'silent', reason: error instanceof Error ? error.message : String(error) }
  }
}

async function lookAll(client: PoolClient, lookups: readonly Lookup[]): Promise<readonly MainRow[]> {
  const rows: MainRow[] = []
  for (const lookup of lookups) rows.push(...(await look(client, lookup)))
  return rows
}

/** A key that finds nothing answers a row of its own, which is null; where only what is there matters it answers none. */
async function look(client: PoolClient, { why, table, columns, keys, constraint, wants }: Lookup) {
  const values = columns.map(({ type }, index) => `(k.v->>${index})::${type.name}`)
  const on = columns.map(({ name }, index) => `t.${quoteIdent(name)} = ${values[index]}`).join(' AND ')
  const which = { present: 'WHERE t.row IS NOT NULL', absent: 'WHERE t.row IS NULL', both: '' }[wants]
  const answer = await client.query<{ n: number; row: Record<string, unknown> | null }>(
    `SELECT k.n::int AS n, t.row FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS k(v, n)
     LEFT JOIN LATERAL (SELECT to_jsonb(t) AS row FROM ${table} AS t WHERE ${on} LIMIT ${maximumRows}) AS t ON true
     ${which} ORDER BY k.n LIMIT ${maximumRows}`,
    [JSON.stringify(keys)],
  )
  return answer.rows.map(({ n, row }): MainRow => {
    const key = Object.fromEntries(columns.map(({ name }, index) => [name, keys[n - 1]![index] ?? null]))
    return { why, table, ...(constraint !== undefined && { constraint }), key, row }
  })
}
