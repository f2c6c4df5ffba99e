import { describeEachPostgres, freshDatabase, useServer } from '@outpost/lab/testing'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../clock/clock.ts'
import { introspect } from '../postgres/introspect.ts'
import type { TextRow } from '../transaction/operation.ts'
import { createOverlay } from './create-overlay.ts'
import type { Overlay } from './overlay.ts'
import { MemoryJournal } from './property/memory-journal.spec-suite.ts'

const schema = `
  CREATE DOMAIN strict AS int NOT NULL;
  CREATE TABLE run (
    id int PRIMARY KEY, name text COLLATE "C" NOT NULL, title text COLLATE "und-x-icu" NOT NULL, code varchar(4), weight numeric(6, 2), tags text[], level strict);
  INSERT INTO run SELECT i, 'm' || i, 'm' || i, 'c', i, NULL, 1 FROM generate_series(1, 20) AS i;
`

/** In "C" the capitals come first, elsewhere they stand among the others: one of the two is not the database's own. */
const text = (number: number): string => `${number % 2 === 0 ? 'Z' : 'a'}${number}`

const pending = (number: number): TextRow => ({
  id: String(1000 + number),
  name: text(number),
  title: text(number),
  code: number % 3 === 0 ? null : `k${number % 7}`,
  weight: `${number}.50`,
  tags: '{x,y}',
  level: '2',
})

describeEachPostgres('a large backlog', (version) => {
  const server = useServer(version)
  let client: pg.Client
  let drop: () => Promise<void>
  let overlay: Overlay
  let sent = ''

  beforeAll(async () => {
    const database = await freshDatabase(server())
    drop = database.drop
    client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await client.query(schema)
    const catalog = await introspect(client)
    const journal = new MemoryJournal()
    overlay = createOverlay({ catalog: () => catalog, journal, clock: systemClock })
    for (let number = 0; number < 300; number++) {
      overlay.fold([journal.add({ kind: 'insert', table: 'public.run', row: pending(number) })])
    }
  })
  afterAll(async () => {
    await client?.end()
    await drop?.()
  })

  const read = async (sql: string) => {
    const node = {
      query: (statement: { text: string; values: readonly unknown[] }) => {
        sent = statement.text
        return client.query({ text: statement.text, values: [...statement.values] })
      },
    }
    return (await overlay.query(node, sql, [], { coverage: { site: 'observatory' } })).rows
  }

  it.each([
    ['SELECT min(name) AS low, max(name) AS high, count(*) FROM run', true],
    ['SELECT code, count(*), sum(weight) FROM run GROUP BY code ORDER BY code', true],
    ['SELECT min(title) AS low, max(title) AS high FROM run', true],
    ['SELECT count(*) FROM run', true],
    ['SELECT DISTINCT title FROM run ORDER BY title', true],
    ['SELECT DISTINCT name FROM run ORDER BY name', true],
    ['SELECT weight, level FROM run ORDER BY weight, level OFFSET 1', true],
    ['SELECT tags, count(*) FROM run GROUP BY tags ORDER BY tags', false],
    ['SELECT DISTINCT * FROM run ORDER BY id', false],
  ])('E13: sends few columns as arrays and shows what rows would: %s', async (sql, isByColumn) => {
    const merged = await read(sql)
    expect(sent.includes('public.run[]')).toBe(!isByColumn)
    await client.query('BEGIN')
    try {
      const rows = Array.from({ length: 300 }, (_, number) => pending(number))
      await client.query('INSERT INTO run SELECT * FROM json_populate_recordset(NULL::run, $1)', [
        JSON.stringify(rows.map((row) => ({ ...row, tags: ['x', 'y'] }))),
      ])
      expect(merged).toEqual((await client.query(sql)).rows)
    } finally {
      await client.query('ROLLBACK')
    }
  })
})
