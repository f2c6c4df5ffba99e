import { describeEachPostgres, freshDatabase, useServer } from '@outpost/lab/testing'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { introspect } from '../../postgres/introspect.ts'
import type { TextRow } from '../../transaction/operation.ts'
import { ByteWriter } from './byte-writer.ts'
import { RowArray } from './composite-array.ts'
import { ImageItems } from './image-item.ts'
import { shapeOf, type TableShape } from './table-shape.ts'

/** A column of each type that travels in binary, with values whose text PostgreSQL then writes by itself. */
const samples: Readonly<Record<string, fc.Arbitrary<string>>> = {
  bool: fc.boolean().map(String),
  int2: fc.integer({ min: -32768, max: 32767 }).map(String),
  int4: fc.integer().map(String),
  int8: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  float4: fc.float().map((value) => (Object.is(value, -0) ? '-0' : String(value))),
  float8: fc.double().map((value) => (Object.is(value, -0) ? '-0' : String(value))),
  numeric: fc.oneof(
    fc.constantFrom(
      'NaN',
      'Infinity',
      '-Infinity',
      '0',
      '0.000',
      '10000',
      '0.0001',
      '-0.00010',
      '99999999.9',
    ),
    fc
      .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(40))
      .map(([digits, scale]) => scaled(digits, scale)),
  ),
  'numeric(12,3)': fc.integer().map((value) => `${value}e-3`),
  text: fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
  'varchar(200)': fc.string({ maxLength: 200 }).map((text) => text.replaceAll('\0', '')),
  'char(30)': fc.stringMatching(/^[a-z]{0,30}$/),
  uuid: fc.uuid(),
  date: fc.oneof(fc.constantFrom('infinity', '-infinity', '0044-03-15 BC', '5874897-12-31'), days(1, 9999)),
  time: fc.constantFrom('00:00:00', '23:59:59.999999', '24:00:00', '12:30:00.5'),
  timestamp: fc.oneof(
    fc.constantFrom('infinity', '-infinity', '294276-12-31 23:59:59.999999', '4713-01-01 00:00:00 BC'),
    moments(''),
  ),
  timestamptz: fc.oneof(
    fc.constantFrom('infinity', '0001-01-01 00:00:00+00 BC', '1900-01-01 00:00:00+00:19:32'),
    moments('+00'),
    moments('-05:30'),
  ),
  jsonb: fc.json({ noUnicodeString: false }).filter((text) => !/\\u0000|\\ud[89a-f]/i.test(text)),
  json: fc.json(),
  bytea: fc.uint8Array().map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`),
  mood: fc.constantFrom('sad', `it's "ok"`),
  'int4[]': fc.constantFrom('{}', '{1,NULL,-3}', '{{1,2},{3,4}}'),
  'text[]': fc.constantFrom('{}', '{a,"b c",NULL,"NULL","\\"\\\\",""}', '{{"{"},{"}"}}'),
}

function scaled(digits: bigint, scale: number): string {
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0')
  const point = text.length - scale
  return `${digits < 0n ? '-' : ''}${text.slice(0, point)}${scale > 0 ? `.${text.slice(point)}` : ''}`
}

const two = (value: number): string => String(value).padStart(2, '0')

function days(first: number, last: number): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.integer({ min: first, max: last }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 28 }),
    )
    .map(([year, month, day]) => `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`)
}

function moments(zone: string): fc.Arbitrary<string> {
  return fc
    .tuple(days(1, 9999), fc.nat(23), fc.nat(59), fc.nat(59), fc.nat(999_999))
    .map(
      ([day, hour, minute, second, fraction]) =>
        `${day} ${two(hour)}:${two(minute)}:${two(second)}.${String(fraction).padStart(6, '0')}${zone}`,
    )
}

describeEachPostgres('RowArray', (version) => {
  const server = useServer(version)
  let client: pg.Client
  let drop: () => Promise<void>
  let shape: TableShape

  const columns = Object.keys(samples).map((type, index) => `c${index} ${type}`)
  beforeAll(async () => {
    const database = await freshDatabase(server())
    drop = database.drop
    client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await client.query(`
      CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"');
      CREATE TABLE every (id int PRIMARY KEY, gone int, ${columns.join(', ')});
      ALTER TABLE every DROP COLUMN gone;
    `)
    shape = shapeOf((await introspect(client)).tables.get('public.every')!)
  })
  afterAll(async () => {
    await client?.end()
    await drop?.()
  })

  const names = Object.keys(samples).map((_, index) => `c${index}`)
  const row = fc.record(
    Object.fromEntries(Object.values(samples).map((sample, index) => [`c${index}`, fc.option(sample)])),
  )

  it('E13: the server reads from the binary array what it reads from the texts, for every type', async () => {
    expect(shape.isBinary).toBe(true)
    const items = new ImageItems(shape, 'binary')
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (values) => {
        const rows = values.map((value, index): TextRow => ({ id: String(index), ...value }))
        const array = new RowArray(items, undefined)
        const writer = new ByteWriter()
        for (const image of rows) {
          if (!items.writeInsert(writer, image)) throw new Error(`not encoded: ${JSON.stringify(image)}`)
          array.add(writer.take(), 0)
        }
        const list = names.map((name) => `n.${name}::text`).join(', ')
        const binary = await client.query(`SELECT ${list} FROM unnest($1::every[]) AS n`, [array.finish()])
        await client.query('TRUNCATE every')
        for (const image of rows) {
          const places = Object.keys(image).map((_, index) => `$${index + 1}`)
          await client.query(`INSERT INTO every VALUES (${places.join(', ')})`, Object.values(image))
        }
        const stored = await client.query(`SELECT ${list} FROM every AS n ORDER BY id`)
        expect(binary.rows).toEqual(stored.rows)
      }),
      { numRuns: 40 },
    )
  })

  it('answers that a value has no binary form rather than encode it wrongly', () => {
    const items = new ImageItems(shape, 'binary')
    const wrong: readonly (readonly [string, string])[] = [
      ['int4', '2147483648'],
      ['int4', '1.5'],
      ['uuid', 'not-a-uuid'],
      ['timestamptz', '2024-01-01 00:00:00'],
      ['timestamp', '2024-01-01 00:00:00+00'],
      ['date', 'today'],
      ['numeric', '1e'],
      ['bool', 'yes'],
      ['bytea', 'plain'],
      ['int4[]', '[0:1]={1,2}'],
      ['int4[]', '{{1},{2,3}}'],
    ]
    for (const [type, text] of wrong) {
      const name = `c${Object.keys(samples).indexOf(type)}`
      expect([type, items.writeInsert(new ByteWriter(), { id: '1', [name]: text })]).toEqual([type, false])
    }
  })
})
