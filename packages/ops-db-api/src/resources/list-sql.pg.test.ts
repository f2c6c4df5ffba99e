import { describeEachPostgres, type FreshDatabase, freshDatabase, useServer } from '@outpost/lab/testing'
import fc from 'fast-check'
import { migrate, outpostMigrations } from 'outpost/migrate'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { opsDbMigrations } from '../migrations/migrations.ts'
import { seedReferenceData } from '../reference/seed-reference-data.ts'
import { type Cursor, wholeCursor, writeCursor } from './cursor.ts'
import { boundValue, isFilterValue } from './filter-value.ts'
import { listQuery } from './list-query.ts'
import { countedPageSql, pageSql, sortTextColumn, totalColumn } from './list-sql.ts'
import { executedObsUnits as units } from './recorded-resources.ts'

describeEachPostgres('pages of a list', (version) => {
  const server = useServer(version)
  let database: FreshDatabase
  let client: pg.Client

  beforeAll(async () => {
    database = await freshDatabase(server())
    client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await migrate(client, [outpostMigrations, opsDbMigrations])
    await seedReferenceData(client)
    // Few values, many ties and nulls, and times that differ by a microsecond only.
    await client.query(`
      INSERT INTO executed_obs_unit (obs_unit_id, status, start_time, end_time, mean_elevation, notes)
      SELECT 1 + n % 5, CASE WHEN n % 3 = 0 THEN 'running' ELSE 'completed' END,
             '2026-04-15 22:00:00.000001+00'::timestamptz + (n % 7) * interval '1 microsecond',
             CASE WHEN n % 3 = 0 THEN NULL ELSE '2026-04-16 22:00:00+00'::timestamptz + (n % 4) * interval '1 second' END,
             CASE WHEN n % 4 = 0 THEN NULL ELSE (n % 6) / 3.0 END, CASE WHEN n % 5 = 0 THEN NULL ELSE 'x' || n % 3 END
      FROM generate_series(1, 120) AS n`)
    // Values that no filter takes: the longest texts there can be, times without end, before Christ and in odd zones.
    await client.query(`
      INSERT INTO executed_obs_unit (obs_unit_id, status, start_time, notes)
      SELECT 1, 'running', start_time, repeat(notes, 10000)
      FROM unnest(ARRAY['-infinity', '0044-03-15 12:00:00 BC', '1890-01-01', '12026-01-01', 'infinity']::timestamptz[],
                  ARRAY['x', 'ü', '字', '🔭', '"']) AS t (start_time, notes)`)
    await client.query("SET TimeZone = 'Europe/Amsterdam'")
  })
  afterAll(async () => {
    await client.end()
    await database.drop()
  })

  const run = async (statement: { readonly text: string; readonly values: readonly string[] }) =>
    (await client.query<Record<string, unknown>>(statement.text, [...statement.values])).rows

  const readRow = async (_table: string, { id }: Readonly<Record<string, unknown>>) => {
    const { rows } = await client.query<Record<string, string>>(
      'SELECT notes, start_time::text FROM executed_obs_unit WHERE id = $1',
      [id],
    )
    return rows[0] && { row: rows[0], state: 'replicated' as const }
  }

  const allPages = async (parameters: Record<string, string>): Promise<string[]> => {
    const seen: string[] = []
    let text: string | undefined
    do {
      const query = listQuery(units, { ...parameters, ...(text === undefined ? {} : { cursor: text }) })
      const after: Cursor | undefined =
        query.cursor && (await wholeCursor({ readRow }, units, query.sort, query.cursor))
      const rows = await run(pageSql(units, query, after))
      const shown = rows.slice(0, query.limit)
      seen.push(...shown.map((row) => String(row.id)))
      const last = rows.length > query.limit ? shown.at(-1) : undefined
      const value = last?.[sortTextColumn]
      text =
        last &&
        writeCursor(units, query.sort, { value: value === null ? null : String(value), id: String(last.id) })
    } while (text !== undefined)
    return seen
  }

  it('P6: put together are the whole list, in order, with ties and nulls', async () => {
    const sort = fc.constantFrom(
      'start_time',
      'end_time',
      'mean_elevation',
      'notes',
      'obs_unit_id',
      'status',
      'id',
    )
    const filter = fc.constantFrom<Record<string, string>>(
      {},
      { status: 'completed' },
      { 'obs_unit_id.in': '1,3' },
      { 'mean_elevation.gte': '0.5' },
    )
    await fc.assert(
      fc.asyncProperty(
        sort,
        fc.boolean(),
        filter,
        fc.integer({ min: 1, max: 50 }),
        async (column, isDescending, filters, limit) => {
          const parameters = { ...filters, sort: `${isDescending ? '-' : ''}${column}` }
          const whole = await allPages({ ...parameters, limit: '500' })
          expect(await allPages({ ...parameters, limit: String(limit) })).toEqual(whole)
          const counted = await run(countedPageSql(units, listQuery(units, { ...parameters, limit: '500' })))
          expect(counted.map((row) => row.id)).toEqual(whole)
          expect(new Set(counted.map((row) => row[totalColumn]))).toEqual(new Set([String(whole.length)]))
        },
      ),
      { numRuns: 60 },
    )
  })

  it('P9: PostgreSQL takes every value that passes for a filter', async () => {
    const upTo = (max: number, width = 2) => fc.nat(max).map((n) => String(n).padStart(width, '0'))
    const zone = fc.constantFrom('', 'Z', '+00', '-15:59', '+1559', '+16', '+02:60')
    const time = fc
      .tuple(upTo(9_999, 4), upTo(13), upTo(32), upTo(24), upTo(60), upTo(60), zone)
      .map(
        ([year, month, day, hour, minute, second, zone]) =>
          `${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`,
      )
    const number = fc.tuple(fc.constantFrom('0', '-0.0', '4.9', '1'), fc.integer({ min: -999, max: 999 }))
    const values = fc.oneof(
      time.map((value) => ['timestamp', value, 'timestamptz'] as const),
      number.map(([mantissa, power]) => ['number', `${mantissa}e${power}`, 'float8'] as const),
      fc.bigInt().map((value) => ['integer', String(value), 'int4'] as const),
      fc.bigInt().map((value) => ['bigint', String(value), 'int8'] as const),
    )
    await fc.assert(
      fc.asyncProperty(values, async ([kind, value, type]) => {
        fc.pre(isFilterValue(kind, value))
        await client.query(`SELECT $1::${type}`, [boundValue(kind, value)])
      }),
      {
        numRuns: 500,
        examples: [[['number', '4.9e-324', 'float8']], [['timestamp', '0001-01-01', 'timestamptz']]],
      },
    )
  })
})
