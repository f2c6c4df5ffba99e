import { describeEachPostgres, freshDatabase, useServer } from '@outpost/lab/testing'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Random } from '../overlay/property/random.spec-suite.ts'
import { loadGrammar } from '../overlay/sql/parse-cache.ts'
import { textOf } from '../postgres/column-text.ts'
import { introspect } from '../postgres/introspect.ts'
import { settleSession } from '../postgres/session-settings.ts'
import type { TextRow } from '../transaction/operation.ts'
import { tableFacts } from './table-facts.ts'

const seed = Number(
  process.env.OUTPOST_SEED ?? (process.env.CI ? 1_000 : Math.floor(Math.random() * 2 ** 31)),
)
const expressionCount = Number(process.env.OUTPOST_CASES ?? 300)
const rowCount = 60

/** Columns with values, among them the ones at which an order or an equality turns. */
const columns: Readonly<
  Record<string, { readonly sql: string; readonly values: readonly (string | null)[] }>
> = {
  s: { sql: 'smallint', values: [null, '-1', '0', '7', '32767'] },
  i: { sql: 'integer', values: [null, '-5', '0', '5', '10', '2147483647'] },
  b: { sql: 'bigint', values: [null, '0', '9', '10', '9007199254740993', '-9223372036854775808'] },
  f: {
    sql: 'double precision',
    values: [null, '0', '-0', '0.1', '0.30000000000000004', '1e300', 'NaN', '-Infinity', '9'],
  },
  g: { sql: 'real', values: [null, '0', '0.1', '9'] },
  n: { sql: 'numeric', values: [null, '0', '0.10', '0.1', '-3', '10', '9', 'NaN', '1e30'] },
  t: { sql: 'text', values: [null, '', ' ', 'a', 'A', 'é', '𝄞𝄞', "it's"] },
  v: { sql: 'varchar(6)', values: [null, '', 'a', 'b', 'ab', 'a '] },
  c: { sql: 'char(3)', values: [null, '', 'a', 'ab'] },
  x: { sql: 'text COLLATE ci', values: [null, 'a', 'A', 'b'] },
  u: {
    sql: 'uuid',
    values: [null, '00000000-0000-0000-0000-000000000000', '0190A000-0000-7000-8000-000000000001'],
  },
  d: { sql: 'date', values: [null, '2024-02-29', '2024-03-01', 'infinity', '0044-03-15 BC', '12024-01-01'] },
  p: { sql: 'timestamp', values: [null, '2024-02-29 00:00:00', '2024-02-29 00:00:00.5', '-infinity'] },
  z: {
    sql: 'timestamptz',
    values: [null, '2024-02-29 00:00:00+00', '2024-02-29 00:00:00.5+00', '2024-02-28 22:00-03'],
  },
  e: { sql: 'mood', values: [null, 'sad', 'ok', 'fine'] },
  k: { sql: 'boolean', values: [null, 'true', 'false'] },
}
const names = Object.keys(columns)
const orders = ['=', '<>', '<', '<=', '>', '>=']

function literal(random: Random, name: string): string {
  const { sql, values } = columns[name]!
  const value = random.pick(values)
  if (value === null) return random.chance(0.3) ? 'NULL' : literal(random, name)
  const isPlainNumber = /^-?\d+(\.\d+)?$/.test(value) && 'sibfgn'.includes(name)
  return isPlainNumber && random.chance(0.6)
    ? value
    : `'${value.replaceAll("'", "''")}'::${sql.replace(/\(.*| COLLATE.*/, '')}`
}

function condition(random: Random, depth: number): string {
  const name = random.pick(names)
  const operator = random.pick(orders)
  if (depth > 0 && random.chance(0.6)) {
    const [left, right] = [condition(random, depth - 1), condition(random, depth - 1)]
    return random.pick([
      `(${left}) AND (${right})`,
      `(${left}) OR (${right})`,
      `NOT (${left})`,
      `(${left}) = (${right})`,
      `(${left}) <> (${right})`,
      `(${left}) IS NOT TRUE`,
      `(${left}) IS FALSE`,
      `(${left}) IS UNKNOWN`,
    ])
  }
  const list = () => Array.from({ length: 1 + random.below(3) }, () => literal(random, name)).join(', ')
  return random.pick([
    `${name} ${operator} ${literal(random, name)}`,
    `${name} ${operator} ${literal(random, name)}`,
    `${literal(random, name)} ${operator} ${name}`,
    `${name} IN (${list()})`,
    `${name} NOT IN (${list()})`,
    `${name} BETWEEN ${literal(random, name)} AND ${literal(random, name)}`,
    `${name} IS NULL`,
    `${name} IS NOT NULL`,
    `${name} IS DISTINCT FROM ${literal(random, name)}`,
    `${name} IS NOT DISTINCT FROM ${name}`,
    `length(${random.pick(['t', 'v', 'x', 'c'])}) ${operator} ${random.below(3)}`,
    `${random.pick(['t', 'v'])} = ${random.pick(['t', 'v', 'c', 'x'])}`,
    `${random.pick(['s', 'i', 'b', 'n', 'f', 'g'])} ${operator} ${random.pick(['s', 'i', 'b', 'n', 'f', 'g'])}`,
    `${random.pick(['d', 'p', 'z'])} ${operator} ${random.pick(['d', 'p', 'z'])}`,
    `${random.pick(['s', 'i', 'n', 'f'])} ${operator} ${random.pick(['0.1', '-2.5', '1e3', '99999999999', '-0.0'])}`,
    'k',
    `lower(t) = 'a'`,
    `t ~ '^a'`,
    `abs(i) > 4`,
  ])
}

describeEachPostgres(`checks judged at the site, seed ${seed}`, (version) => {
  const server = useServer(version)
  let client: pg.Client
  let drop: () => Promise<void>

  beforeAll(async () => {
    await loadGrammar()
    const database = await freshDatabase(server())
    client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await settleSession(client)
    // What the constants of an expression look like depends on the session that reads the catalog.
    await client.query(`SET timezone = '${new Random(seed).pick(['UTC', 'America/Santiago'])}'`)
    await client.query(`CREATE TYPE mood AS ENUM ('sad', 'ok', 'fine');
      CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`)
    drop = async () => {
      await client.end()
      await database.drop()
    }
  })
  afterAll(() => drop())

  it('say what PostgreSQL says of every row', async () => {
    const random = new Random(seed)
    const listed = names.map((name) => `${name} ${columns[name]!.sql}`).join(', ')
    await client.query(
      `CREATE TABLE checked (id integer PRIMARY KEY, ${listed}); CREATE TABLE plain (LIKE checked)`,
    )
    for (let number = 0; number < expressionCount; number++) {
      try {
        await client.query(`ALTER TABLE checked ADD CONSTRAINT c${number} CHECK (${condition(random, 2)})`)
      } catch (error) {
        // A comparison that PostgreSQL has no operator for is no case.
        if ((error as pg.DatabaseError).code !== '42883') throw error
      }
    }
    for (let id = 0; id < rowCount; id++) {
      const values = names.map((name) => random.pick(columns[name]!.values))
      const places = names.map((_, index) => `$${index + 2}`).join(', ')
      await client.query(`INSERT INTO plain VALUES ($1, ${places})`, [id, ...values])
    }
    const catalog = await introspect(client)
    const { table, checks } = tableFacts(catalog, 'public.checked')!
    const judged = checks.filter(({ judge }) => judge !== undefined)
    const texts = table.columns.map((column) => `${textOf(column)} AS ${column.name}`).join(', ')
    const rows = (
      await client.query<Record<string, string | null>>(`SELECT ${texts} FROM plain ORDER BY plain.id`)
    ).rows
    const wrong: string[] = []
    let falses = 0
    for (const { name, sql, judge } of judged) {
      const truth = await client.query<{ is: boolean | null }>(`SELECT (${sql}) AS is FROM plain ORDER BY id`)
      for (const [index, { is }] of truth.rows.entries()) {
        const row: TextRow = rows[index]!
        const said = judge!(row)
        if (is === false) falses++
        if (said !== is) wrong.push(`${name} ${sql}: ${said} instead of ${is} for ${JSON.stringify(row)}`)
      }
    }
    expect(wrong).toEqual([])
    // Neither empty nor all: most comparisons are judged here, and what only PostgreSQL can tell is left to it.
    expect(judged.length).toBeGreaterThan(checks.length * 0.25)
    expect(judged.length).toBeLessThan(checks.length)
    expect(falses).toBeGreaterThan(rowCount)
  }, 120_000)
})
