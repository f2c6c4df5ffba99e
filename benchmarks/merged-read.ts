import { PostgresServer } from '@outpost/lab'
import { Client } from 'pg'
import type { NodeExecutor } from '../packages/outpost/src/overlay/overlay.ts'
import { introspect } from '../packages/outpost/src/postgres/introspect.ts'
import { type Backlog, makeBacklog } from './merged-read/backlog.ts'
import { type Proven, prepareTable } from './merged-read/observatory-table.ts'
import { median } from './statistics.ts'

/** One line of the result: a merged read beside the plain SELECT of the same run. Times in milliseconds. */
export interface MergedReadRow {
  readonly measure: string
  readonly baseline: string
  readonly value: number
  readonly baseline_value: number
  readonly ratio: number
  readonly goal: string
  readonly holds: boolean
}

export interface MergedReadOptions {
  /** Rows of the table; 2,000,000 for figures to publish. */
  readonly rows?: number
  readonly backlogs?: readonly number[]
  /** Repetitions of a read of a few rows; a scan of the table is repeated a tenth as often. */
  readonly repetitions?: number
  /** Only measures whose name contains this. */
  readonly only?: string
  readonly onProgress?: (text: string) => void
}

interface Case {
  readonly measure: string
  readonly sql: string
  readonly values: readonly unknown[]
  /** Of the plain SELECT, where the merged one answers with a row that main does not have yet: it reads one as well. */
  readonly plainValues?: readonly unknown[]
  readonly goal: { readonly kind: 'ratio' | 'over'; readonly limit: number }
}

const byKey = 'SELECT * FROM run WHERE id = $1'
const byUnit = 'SELECT * FROM run WHERE obs_unit_id = $1 ORDER BY start_time DESC LIMIT 50'
const scans: readonly (readonly [string, string])[] = [
  ['page without a predicate', 'SELECT * FROM run ORDER BY start_time DESC LIMIT 50'],
  [
    'join and aggregate',
    'SELECT u.phase, count(*), max(r.start_time) FROM run r JOIN unit u ON u.id = r.obs_unit_id GROUP BY u.phase',
  ],
  ['full GROUP BY', 'SELECT status, count(*), avg(priority) FROM run GROUP BY status'],
]

/** What a scan may take over the plain one, by backlog. */
const overMs: ReadonlyMap<number, number> = new Map([
  [0, 5],
  [100, 5],
  [1_000, 5],
  [10_000, 50],
  [100_000, 300],
])

/**
 * Merged reads beside plain ones on a table of `rows` rows, at every backlog: by key, by equality on an indexed
 * column with sort and limit, and scans. Coverage is proven in each merged statement. Plain and merged take turns.
 */
export async function run(options: MergedReadOptions = {}): Promise<MergedReadRow[]> {
  const server = await PostgresServer.create({
    name: 'merged-read',
    config: { shared_buffers: '1GB', max_wal_size: '4GB' },
  })
  try {
    await server.init()
    await server.start()
    const client = new Client({ connectionString: server.connectionString() })
    await client.connect()
    try {
      options.onProgress?.(`filling ${options.rows ?? 2_000_000} rows`)
      const proven = await prepareTable(client, options.rows ?? 2_000_000)
      return await measureAll(client, proven, options)
    } finally {
      await client.end()
    }
  } finally {
    await server.destroy()
  }
}

/** On a database that was prepared before. */
async function measureAll(
  client: Client,
  proven: Proven,
  options: MergedReadOptions,
): Promise<MergedReadRow[]> {
  const catalog = await introspect(client)
  const rows: MergedReadRow[] = []
  for (const size of options.backlogs ?? [0, 100, 1_000, 10_000, 100_000]) {
    const backlog = await makeBacklog(client, catalog, size)
    for (const entry of casesOf(backlog, size)) {
      if (options.only !== undefined && !entry.measure.includes(options.only)) continue
      options.onProgress?.(entry.measure)
      rows.push(await measure(client, proven, backlog, entry, options.repetitions ?? 200))
    }
  }
  return rows
}

function casesOf(backlog: Backlog, size: number): readonly Case[] {
  const few = { kind: 'ratio', limit: 2 } as const
  const cases: Case[] = [
    { measure: `by key, ${size} pending, none matches`, sql: byKey, values: [backlog.storedKey], goal: few },
  ]
  if (backlog.insertedKey !== undefined) {
    cases.push({
      measure: `by key, ${size} pending, it matches`,
      sql: byKey,
      values: [backlog.insertedKey],
      plainValues: [backlog.storedKey],
      goal: few,
    })
  }
  for (const [matching, unit] of backlog.units) {
    const goal = matching > 10 ? ({ kind: 'ratio', limit: 4 } as const) : few
    cases.push({ measure: `by unit, ${size} pending, ${matching} match`, sql: byUnit, values: [unit], goal })
  }
  for (const [name, sql] of scans) {
    const goal = { kind: 'over', limit: overMs.get(size) ?? 300 } as const
    cases.push({ measure: `${name}, ${size} pending`, sql, values: [], goal })
  }
  return cases
}

async function measure(
  client: Client,
  proven: Proven,
  backlog: Backlog,
  { measure: name, sql, values, plainValues = values, goal }: Case,
  repetitions: number,
): Promise<MergedReadRow> {
  const node = executorOf(client)
  const isScan = goal.kind === 'over'
  const prepared = isScan ? {} : { name: `plain_${sql.length}` }
  const plain = () => client.query({ text: sql, values: [...plainValues], ...prepared })
  const merged = () => backlog.overlay.query(node, sql, values, { coverage: proven })
  const [plainMs, mergedMs] = await inTurns(plain, merged, isScan ? Math.ceil(repetitions / 10) : repetitions)
  const ratio = mergedMs / plainMs
  const holds = goal.kind === 'ratio' ? ratio <= goal.limit : mergedMs - plainMs <= goal.limit
  return {
    measure: `${name} (ms)`,
    baseline: isScan ? 'plain SELECT' : 'plain prepared SELECT',
    value: rounded(mergedMs),
    baseline_value: rounded(plainMs),
    ratio: rounded(ratio),
    goal: goal.kind === 'ratio' ? `<= ${goal.limit} x` : `<= ${goal.limit} ms over`,
    holds,
  }
}

/**
 * Median of plain, and that plus the median difference of the pairs: both take turns, each first every other time,
 * so that a noisy moment meets both and its noise does not pass for a difference.
 */
async function inTurns(
  plain: () => Promise<unknown>,
  merged: () => Promise<unknown>,
  count: number,
): Promise<[number, number]> {
  const plainMs: number[] = []
  const differencesMs: number[] = []
  // The server plans a prepared statement anew five times before it settles.
  const warmUps = Math.min(count, 10)
  for (let index = -warmUps; index < count; index++) {
    const isPlainFirst = index % 2 === 0
    const firstMs = await timed(isPlainFirst ? plain : merged)
    const secondMs = await timed(isPlainFirst ? merged : plain)
    if (index < 0) continue
    plainMs.push(isPlainFirst ? firstMs : secondMs)
    differencesMs.push(isPlainFirst ? secondMs - firstMs : firstMs - secondMs)
  }
  const plainMedian = median(plainMs)
  return [plainMedian, plainMedian + median(differencesMs)]
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await action()
  return performance.now() - start
}

function executorOf(client: Client): NodeExecutor {
  return {
    query: ({ text, values, name }) =>
      client.query({ text, values: [...values], ...(name !== undefined && { name }) }),
  }
}

const rounded = (value: number): number => Number(value.toPrecision(3))
