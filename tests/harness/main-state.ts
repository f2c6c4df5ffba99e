import type { ClientBase } from 'pg'
import type { Row } from './workload.ts'

export interface LedgerRow {
  readonly epoch: string
  readonly seq: number
  readonly id: string
  readonly outcome: 'applied' | 'rejected'
  readonly sqlstate: string | null
  readonly message: string | null
}

/** Everything that the recorded transactions left on main. */
export interface MainState {
  readonly ledger: readonly LedgerRow[]
  /** Table → key → row; a key that occurs twice is listed in `doubled`. */
  readonly tables: ReadonlyMap<string, ReadonlyMap<string, Row>>
  readonly doubled: readonly string[]
  /** Steps of the counters in the order in which main took them. */
  readonly steps: readonly { readonly counter: string; readonly step: string }[]
}

const tables = {
  unit: { key: 'id', columns: 'id, name, step, status' },
  file: { key: 'id', columns: 'id, unit_id, name, size_bytes' },
  audit: { key: "stream || ' ' || n", columns: 'stream, n, note' },
  counter: { key: 'id', columns: 'id, step' },
} as const

/** Reads all of it in one snapshot, every value as text. */
export async function readMain(client: ClientBase, sites: readonly string[]): Promise<MainState> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  try {
    const doubled: string[] = []
    const found = new Map<string, ReadonlyMap<string, Row>>()
    for (const [table, { key, columns }] of Object.entries(tables)) {
      found.set(table, await readTable(client, table, key, columns, doubled))
    }
    const ledger = await client.query<{ row: LedgerRow }>(
      `SELECT json_build_object('epoch', epoch, 'seq', seq, 'id', transaction_id, 'outcome', outcome,
                                'sqlstate', sqlstate, 'message', message) AS row
       FROM outpost.ledger WHERE site = ANY ($1) ORDER BY applied_at, seq`,
      [sites],
    )
    const steps = await client.query<{ counter: string; step: string }>(
      'SELECT counter_id::text AS counter, step::text FROM effect ORDER BY ordinal',
    )
    return { ledger: ledger.rows.map(({ row }) => row), tables: found, doubled, steps: steps.rows }
  } finally {
    await client.query('ROLLBACK')
  }
}

async function readTable(
  client: ClientBase,
  table: string,
  key: string,
  columns: string,
  doubled: string[],
): Promise<ReadonlyMap<string, Row>> {
  const texts = columns.split(', ').map((column) => `'${column}', ${column}::text`)
  const { rows } = await client.query<{ key: string; row: Row }>(
    `SELECT (${key})::text AS key, json_build_object(${texts.join(', ')}) AS row FROM ${table}`,
  )
  const found = new Map<string, Row>()
  for (const { key: name, row } of rows) {
    if (found.has(name)) doubled.push(`${table} ${name}`)
    found.set(name, row)
  }
  return found
}
