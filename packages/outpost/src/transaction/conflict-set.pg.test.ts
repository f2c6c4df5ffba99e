import { describeEachPostgres, freshDatabase, useServer } from '@outpost/lab/testing'
import fc from 'fast-check'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Catalog } from '../postgres/catalog.ts'
import { introspect } from '../postgres/introspect.ts'
import { type BuiltTransaction, TransactionBuilder } from './builder.ts'
import type { Operation, TextRow } from './operation.ts'

const runs = Number(process.env.OUTPOST_PROPERTY_RUNS ?? 300)

const schema = `
  CREATE TABLE parent (id int4 PRIMARY KEY, code text UNIQUE);
  CREATE TABLE child (id int4 PRIMARY KEY, parent_id int4 REFERENCES parent ON DELETE CASCADE,
    parent_code text REFERENCES parent (code), slot int4, UNIQUE (parent_id, slot));
  CREATE TABLE tag (name text PRIMARY KEY, label text UNIQUE NULLS NOT DISTINCT);
  INSERT INTO parent SELECT n, 'c' || n FROM generate_series(1, 3) n;
  INSERT INTO child SELECT n, n, 'c' || n, n FROM generate_series(1, 3) n;
  INSERT INTO tag SELECT 't' || n, 'l' || n FROM generate_series(1, 2) n`

/** What a client saw of the rows before: the state that each pair of transactions starts from. */
function seenRow(table: string, id: unknown): Record<string, unknown> {
  const n = Number(String(id).replace('t', ''))
  if (table === 'child' && n <= 3) return { parent_id: n, parent_code: `c${n}`, slot: n }
  if (table === 'parent' && n <= 3) return { code: `c${n}` }
  return table === 'tag' && n <= 2 ? { label: `l${n}` } : {}
}

const small = fc.integer({ min: 1, max: 4 })
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 4 })
const code = small.map((n) => `c${n}`)
const childColumns = { parent_id: maybe(small), parent_code: maybe(code), slot: maybe(small) }
const tagName = small.map((n) => `t${n}`)
const label = maybe(small.map((n) => `l${n}`))

type Step =
  | { readonly kind: 'insert'; readonly table: string; readonly values: Record<string, unknown> }
  | {
      readonly kind: 'update'
      readonly table: string
      readonly key: Record<string, unknown>
      readonly values: Record<string, unknown>
    }
  | { readonly kind: 'delete'; readonly table: string; readonly key: Record<string, unknown> }

const key = <T>(value: fc.Arbitrary<T>, name: string) =>
  value.map((found) => ({ [name]: found }) as Record<string, unknown>)
const some = (columns: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record(columns, { requiredKeys: [] }).filter((values) => Object.keys(values).length > 0) as fc.Arbitrary<
    Record<string, unknown>
  >
const step = (
  table: string,
  id: string,
  ids: fc.Arbitrary<unknown>,
  columns: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<Step> =>
  fc.oneof(
    fc.record({
      kind: fc.constant('insert' as const),
      table: fc.constant(table),
      values: fc.record({ [id]: ids, ...columns }),
    }),
    fc.record({
      kind: fc.constant('update' as const),
      table: fc.constant(table),
      key: key(ids, id),
      values: some({ [id]: ids, ...columns }),
    }),
    fc.record({ kind: fc.constant('delete' as const), table: fc.constant(table), key: key(ids, id) }),
  )
const transaction = fc.array(
  fc.oneof(
    step('parent', 'id', small, { code: maybe(code) }),
    step('child', 'id', small, childColumns),
    step('tag', 'name', tagName, { label }),
  ),
  { minLength: 1, maxLength: 3 },
)

function build(catalog: Catalog, steps: readonly Step[]): BuiltTransaction {
  const tx = new TransactionBuilder(catalog)
  for (const entry of steps) {
    if (entry.kind === 'insert') tx.insert(entry.table, entry.values)
    else {
      const old = seenRow(entry.table, Object.values(entry.key)[0])
      if (entry.kind === 'update') tx.update(entry.table, entry.key, entry.values, { old })
      else tx.delete(entry.table, entry.key, { old })
    }
  }
  return tx.build()
}

/** N10: no common key with a write on either side, and neither in the common lane. */
function areIndependent(left: BuiltTransaction, right: BuiltTransaction): boolean {
  if (left.flags.includes('common_lane') || right.flags.includes('common_lane')) return false
  const touches = (one: BuiltTransaction, other: BuiltTransaction): boolean =>
    one.writes.some((entry) => other.writes.includes(entry) || other.references.includes(entry))
  return !touches(left, right) && !touches(right, left)
}

function statement(operation: Operation): {
  readonly text: string
  readonly values: readonly (string | null)[]
} {
  const values: (string | null)[] = []
  const pairs = (row: TextRow): string[] =>
    Object.entries(row).map(([name, value]) => `${name} = $${values.push(value)}`)
  switch (operation.kind) {
    case 'insert': {
      const items = Object.values(operation.row).map((value) => `$${values.push(value)}`)
      return {
        text: `INSERT INTO ${operation.table} (${Object.keys(operation.row).join(', ')}) VALUES (${items.join(', ')})`,
        values,
      }
    }
    case 'update':
      return {
        text: `UPDATE ${operation.table} SET ${pairs(operation.set).join(', ')} WHERE ${pairs(operation.key).join(' AND ')}`,
        values,
      }
    case 'delete':
      return { text: `DELETE FROM ${operation.table} WHERE ${pairs(operation.key).join(' AND ')}`, values }
  }
}

describeEachPostgres('conflict sets', (pg) => {
  const server = useServer(pg)
  let client: Client
  let catalog: Catalog

  beforeAll(async () => {
    const database = await freshDatabase(server())
    client = new Client({ connectionString: database.url })
    await client.connect()
    await client.query(schema)
    catalog = await introspect(client)
  })
  afterAll(async () => client.end())

  /** Applies one transaction in a savepoint; answers `applied` or the SQLSTATE that rejected it. */
  async function apply({ operations }: BuiltTransaction): Promise<string> {
    await client.query('SAVEPOINT one')
    try {
      for (const operation of operations) {
        const { text, values } = statement(operation)
        const { rowCount } = await client.query(text, [...values])
        if (rowCount !== 1) throw Object.assign(new Error('no row'), { code: 'OP404' })
      }
      return 'applied'
    } catch (error) {
      await client.query('ROLLBACK TO one')
      return (error as { code: string }).code
    }
  }

  async function outcome(first: BuiltTransaction, second: BuiltTransaction): Promise<readonly unknown[]> {
    await client.query('BEGIN')
    try {
      const answers = [await apply(first), await apply(second)]
      const { rows } = await client.query(`
        SELECT (SELECT jsonb_agg(p ORDER BY id) FROM parent p) AS parents,
               (SELECT jsonb_agg(c ORDER BY id) FROM child c) AS children,
               (SELECT jsonb_agg(t ORDER BY name) FROM tag t) AS tags`)
      return [...answers, rows[0]]
    } finally {
      await client.query('ROLLBACK')
    }
  }

  it('N10: transactions without a common key come to the same end in either order', async () => {
    let independent = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(transaction, transaction), { minLength: 10, maxLength: 10 }),
        async (pairs) => {
          for (const [first, second] of pairs) {
            const [left, right] = [build(catalog, first), build(catalog, second)]
            if (!areIndependent(left, right)) continue
            independent++
            const [leftAnswer, rightAnswer, rows] = await outcome(left, right)
            expect(await outcome(right, left)).toEqual([rightAnswer, leftAnswer, rows])
          }
        },
      ),
      { numRuns: runs },
    )
    expect(independent).toBeGreaterThan(runs / 2)
  })
})
