import { describeEachPostgres, freshDatabase, useServer } from '@outpost/lab/testing'
import fc from 'fast-check'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Catalog, Table } from '../postgres/catalog.ts'
import { introspect } from '../postgres/introspect.ts'
import { quoteIdent } from '../postgres/quote.ts'
import { TransactionBuilder } from './builder.ts'
import type { Operation, TextRow } from './operation.ts'
import { valueCaseSetup, valueCases } from './value/value-cases.spec-suite.ts'

const runs = Number(process.env.OUTPOST_PROPERTY_RUNS ?? 30)

/** Types that can stand in a primary key: PostgreSQL has an order for them. */
const keyCases = valueCases.filter(({ sql }) =>
  ['int4', 'int8', 'text', 'uuid', 'date', 'varchar(5)', 'numeric(10,2)', 'timestamptz', 'mood'].includes(
    sql,
  ),
)
const columnName = fc.oneof(
  fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/),
  fc.constantFrom(
    'order',
    'Select',
    'two words',
    'quo"te',
    'ünïcode',
    '1st',
    '$x',
    "it's",
    'back\\slash',
    'constructor',
    'a.b',
  ),
)

interface ColumnCase {
  readonly name: string
  readonly sql: string
}

interface SchemaCase {
  readonly key: readonly ColumnCase[]
  readonly others: readonly ColumnCase[]
  readonly isPartitioned: boolean
  readonly hasGenerated: boolean
}

const schemas: fc.Arbitrary<SchemaCase> = fc
  .uniqueArray(columnName, { minLength: 2, maxLength: 9 })
  .chain((names) =>
    fc.record({
      names: fc.constant(names),
      keyCount: fc.integer({ min: 1, max: Math.min(3, names.length - 1) }),
      keyTypes: fc.array(fc.constantFrom(...keyCases), { minLength: names.length, maxLength: names.length }),
      types: fc.array(fc.constantFrom(...valueCases), { minLength: names.length, maxLength: names.length }),
      isPartitioned: fc.boolean(),
      hasGenerated: fc.boolean(),
    }),
  )
  .map(({ names, keyCount, keyTypes, types, isPartitioned, hasGenerated }) => ({
    key: names.slice(0, keyCount).map((name, index) => ({ name, sql: keyTypes[index]!.sql })),
    others: names.slice(keyCount).map((name, index) => ({ name, sql: types[index]!.sql })),
    isPartitioned,
    hasGenerated,
  }))

function createTable({ key, others, isPartitioned, hasGenerated }: SchemaCase): string {
  const keyNames = key.map(({ name }) => quoteIdent(name))
  const columns = [...key, ...others].map(({ name, sql }) => `${quoteIdent(name)} ${sql}`)
  if (hasGenerated) columns.push(`"generated one" text GENERATED ALWAYS AS ('g') STORED`)
  const create = `CREATE TABLE round (${columns.join(', ')}, PRIMARY KEY (${keyNames.join(', ')}))`
  if (!isPartitioned) return create
  return `${create} PARTITION BY HASH (${keyNames[0]});
    CREATE TABLE round_0 PARTITION OF round FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE round_1 PARTITION OF round FOR VALUES WITH (MODULUS 2, REMAINDER 1)`
}

const valuesFor = (sql: string) => valueCases.find((entry) => entry.sql === sql)!.values
const valuesOf = (columns: readonly ColumnCase[]) =>
  fc.record(Object.fromEntries(columns.map(({ name, sql }) => [name, valuesFor(sql)])))

/** A schema, rows for it, and changes for some of them. */
const cases = schemas.chain((schema) =>
  fc.record({
    schema: fc.constant(schema),
    rows: fc.array(fc.tuple(valuesOf(schema.key), fc.oneof(valuesOf(schema.others), fc.constant({}))), {
      minLength: 1,
      maxLength: 5,
    }),
    changes: fc.array(valuesOf(schema.others), { maxLength: 5 }),
  }),
)

/** Runs an operation as main does: each value through its type's input function, only the named columns. */
async function apply(client: Client, table: Table, operation: Operation): Promise<void> {
  const values: (string | null)[] = []
  const cast = (name: string, value: string | null): string => {
    const type = table.columns.find((column) => column.name === name)!.type
    return `$${values.push(value)}::text::${type.name}`
  }
  const pairs = (row: TextRow, glue: string): string =>
    Object.entries(row)
      .map(([name, value]) => `${quoteIdent(name)} = ${cast(name, value)}`)
      .join(glue)
  if (operation.kind === 'insert') {
    const names = Object.keys(operation.row)
    const items = names.map((name) => cast(name, operation.row[name]!))
    await client.query(
      `INSERT INTO ${table.name} (${names.map(quoteIdent).join(', ')}) VALUES (${items.join(', ')})`,
      values,
    )
    return
  }
  const set =
    operation.kind === 'update'
      ? `UPDATE ${table.name} SET ${pairs(operation.set, ', ')}`
      : `DELETE FROM ${table.name}`
  const { rowCount } = await client.query(`${set} WHERE ${pairs(operation.key, ' AND ')}`, values)
  expect(rowCount).toBe(1)
}

describeEachPostgres('transactions built at the edge', (pg) => {
  const server = useServer(pg)
  let client: Client
  /** Reads the output functions' text as it is, without pg's conversions. */
  let reader: Client

  beforeAll(async () => {
    const database = await freshDatabase(server())
    client = new Client({ connectionString: database.url })
    reader = new Client({
      connectionString: database.url,
      types: { getTypeParser: () => (text: unknown) => text },
    })
    for (const one of [client, reader]) {
      await one.connect()
      await one.query(`SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'`)
    }
    await client.query(valueCaseSetup)
  })
  afterAll(async () => {
    await client.end()
    await reader.end()
  })

  async function stored(table: Table, key: TextRow, names: readonly string[]): Promise<TextRow | undefined> {
    const conditions = table.primaryKey.map((name, index) => {
      const type = table.columns.find((column) => column.name === name)!.type
      return `${quoteIdent(name)} = $${index + 1}::text::${type.name}`
    })
    const text = `SELECT ${names.map(quoteIdent).join(', ')} FROM ${table.name} WHERE ${conditions.join(' AND ')}`
    const { rows } = await reader.query<Record<string, string | null>>(
      text,
      table.primaryKey.map((name) => key[name]),
    )
    return rows[0]
  }

  async function withCatalog(ddl: string, act: (catalog: Catalog) => Promise<void>): Promise<void> {
    await client.query(ddl)
    try {
      await act(await introspect(client))
    } finally {
      await client.query('DROP TABLE round')
    }
  }

  it('P6: rows of generated schemas come back as they were built, after inserts, updates and deletes', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ schema, rows, changes }) => {
        await withCatalog(createTable(schema), async (catalog) => {
          const table = catalog.tables.get('public.round')!
          const tx = new TransactionBuilder(catalog)
          const expected = new Map<string, { key: TextRow; row: TextRow }>()
          for (const [index, [key, others]] of rows.entries()) {
            const probe = new TransactionBuilder(catalog).insert('round', { ...key, ...others })
            const name = JSON.stringify(probe.key)
            if (expected.has(name)) continue
            const step = tx.insert('round', { ...key, ...others })
            const change = changes[index]
            const last = change === undefined ? step : tx.update('round', step.key, change)
            expected.set(name, { key: step.key, row: { ...step.row, ...last.row } })
          }
          for (const operation of tx.build().operations) await apply(client, table, operation)
          for (const { key, row } of expected.values()) {
            expect(await stored(table, key, Object.keys(row))).toEqual(row)
            const removal = new TransactionBuilder(catalog)
            removal.delete('round', key)
            await apply(client, table, removal.build().operations[0]!)
          }
        })
      }),
      { numRuns: runs, endOnFailure: true },
    )
  })

  it.each([
    ['text', `'it''s \\ "x"'`],
    ['varchar(5)', `'abc'`],
    ['char(4)', `'ab'`],
    ['int4', '5'],
    ['int8', '-5'],
    ['numeric(10,2)', '1.005'],
    ['float8', '0.1'],
    ['boolean', 'true'],
    ['jsonb', `'{"b": 1, "a": [1.0]}'`],
    ['json', `'{"b": 1,  "a": 1}'`],
    ['text[]', 'ARRAY[]::text[]'],
    ['text[]', `ARRAY['a', 'b c', NULL]`],
    ['int4[]', `'{1,2}'`],
    ['mood', `'windy'`],
    ['mood[]', `ARRAY['calm']::mood[]`],
    ['date', `'2026-01-31'`],
    ['timestamptz', `'2026-01-31 12:00:00+02'`],
    ['interval', `'1 day 2 hours'`],
    ['bit(3)', `B'101'`],
    ['int4range', `'[1,5]'`],
    ['uuid', `'5768d4c7-3908-421a-a765-e16cacc65101'`],
    ['short_text', `'abc'`],
    ['text', 'NULL'],
    ['bytea', `'\\xAB'`],
    ['inet', `'10.0.0.1'`],
  ])('P6: the default %s DEFAULT %s is the same at the edge and on main', async (type, sql) => {
    await withCatalog(
      `CREATE TABLE round (id int4 PRIMARY KEY, c ${type} DEFAULT ${sql})`,
      async (catalog) => {
        const edge = new TransactionBuilder(catalog).insert('round', { id: 1 })
        await client.query('INSERT INTO round (id) VALUES (1)')
        expect(await stored(catalog.tables.get('public.round')!, edge.key, ['id', 'c'])).toEqual(edge.row)
      },
    )
  })

  it.each([
    ['timestamptz', 'now()'],
    ['timestamptz(0)', 'CURRENT_TIMESTAMP'],
    ['timestamptz', 'clock_timestamp()'],
    ['timestamp', `(now() AT TIME ZONE 'utc')`],
    ['timestamp(1)', 'LOCALTIMESTAMP'],
    ['date', 'CURRENT_DATE'],
    ['time', 'LOCALTIME'],
    ['uuid', 'gen_random_uuid()'],
  ])(
    'P6: the default %s DEFAULT %s is made at the edge in a form that main stores as it is',
    async (type, sql) => {
      await withCatalog(
        `CREATE TABLE round (id int4 PRIMARY KEY, c ${type} DEFAULT ${sql})`,
        async (catalog) => {
          const tx = new TransactionBuilder(catalog)
          const edge = tx.insert('round', { id: 1 })
          const table = catalog.tables.get('public.round')!
          for (const operation of tx.build().operations) await apply(client, table, operation)
          expect(edge.get('c')).toEqual(expect.any(String))
          expect(await stored(table, edge.key, ['id', 'c'])).toEqual(edge.row)
        },
      )
    },
  )
})
