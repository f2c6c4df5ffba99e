import { describeEachPostgres, freshDatabase, useServer } from '@outpost/lab/testing'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../clock/clock.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import type { Catalog } from '../postgres/catalog.ts'
import { introspect } from '../postgres/introspect.ts'
import type { Operation, TextRow } from '../transaction/operation.ts'
import { createOverlay } from './create-overlay.ts'
import type { Coverage, NodeExecutor, Overlay } from './overlay.ts'
import { epoch, MemoryJournal } from './property/memory-journal.spec-suite.ts'

const site = 'observatory'
const table = 'public.run'
const uuid = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const insert = (number: number, row: TextRow = {}): Operation => ({
  kind: 'insert',
  table,
  row: { id: uuid(number), unit: '1', status: 'new', note: null, ...row },
})
const update = (number: number, set: TextRow): Operation => ({
  kind: 'update',
  table,
  key: { id: uuid(number) },
  set,
})
const remove = (number: number): Operation => ({ kind: 'delete', table, key: { id: uuid(number) } })

const schema = `
  CREATE TABLE run (id uuid PRIMARY KEY, unit int, status text NOT NULL, note text);
  CREATE INDEX ON run (unit);
  CREATE TABLE loose (x int);
  CREATE TABLE secret (id int PRIMARY KEY);
  ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
  CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id);
  CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (100);
  CREATE TABLE quiet (id int PRIMARY KEY);
  CREATE MATERIALIZED VIEW stored AS SELECT id FROM run;
  CREATE FUNCTION my_total() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.run';
`

describeEachPostgres('overlay rules', (version) => {
  const server = useServer(version)
  let client: pg.Client
  let catalog: Catalog
  let lineage: string
  let drop: () => Promise<void>
  let journal: MemoryJournal
  let overlay: Overlay
  let statements: string[] = []

  beforeAll(async () => {
    const database = await freshDatabase(server())
    client = new pg.Client({ connectionString: database.url })
    await client.connect()
    drop = database.drop
    await client.query(schema)
    await migrate(client, [outpostMigrations])
    catalog = await introspect(client)
    const { rows } = await client.query(
      `INSERT INTO outpost.lineage (ordinal, system_identifier, timeline, lsn) VALUES (1, '1', 1, '0/1') RETURNING id`,
    )
    lineage = rows[0].id
  })
  afterAll(async () => {
    await client?.end()
    await drop?.()
  })
  beforeEach(async () => {
    await client.query('TRUNCATE run, outpost.ledger CASCADE')
    journal = new MemoryJournal()
    overlay = createOverlay({ catalog: () => catalog, journal, clock: systemClock })
    statements = []
  })

  const node: NodeExecutor = {
    query: ({ text, values, name }) => {
      statements.push(text)
      return client.query({ text, values: [...values], ...(name !== undefined && { name }) })
    },
  }
  const pend = (...operations: readonly Operation[]): number => {
    const record = journal.add(...operations)
    overlay.fold([record])
    return record.seq
  }
  const read = async (
    sql: string,
    values: readonly unknown[] = [],
    coverage: Partial<Coverage> = { lineage },
  ) => {
    const { rows } = await overlay.query(node, sql, values, { coverage: { site, ...coverage } })
    return rows
  }
  const store = (number: number, status: string, note: string | null = null) =>
    client.query('INSERT INTO run VALUES ($1, 1, $2, $3)', [uuid(number), status, note])
  const enterLedger = (seq: number, outcome = 'applied') =>
    client.query(
      `INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
       VALUES ($1, now(), now(), $2, gen_random_uuid(), $3, $4, $5, '')`,
      [seq, epoch, lineage, site, outcome],
    )
  const byUnit = 'SELECT id, status, note FROM run WHERE unit = $1 ORDER BY status LIMIT 3'

  it('N15: refuses a node that lacks the lineage of the current main', async () => {
    await expect(read('SELECT 1', [], { lineage: uuid(9) })).rejects.toMatchObject({ code: 'OP001' })
  })

  it('N17: refuses a node that lacks the newest transaction taken out, and serves it when it has that', async () => {
    const seq = pend(insert(1))
    overlay.takeOut([seq])
    expect(overlay.floor).toEqual({ epoch, seq })
    await expect(read('SELECT * FROM quiet')).rejects.toMatchObject({ code: 'OP002' })
    await enterLedger(seq)
    expect(await read('SELECT * FROM quiet')).toEqual([])
  })

  it('N17: a transaction that left after a younger one is proven by itself', async () => {
    const [old, young] = [pend(insert(1)), pend(insert(2))]
    overlay.takeOut([young])
    overlay.takeOut([old])
    await enterLedger(young)
    await expect(read('SELECT * FROM run')).rejects.toMatchObject({ code: 'OP002' })
    await enterLedger(old)
    expect(await read('SELECT * FROM run')).toEqual([])
  })

  it('N15: what is put back shows again and is no longer proven', async () => {
    const seq = pend(insert(1))
    overlay.takeOut([seq])
    overlay.putBack([journal.records[0]!])
    expect(overlay.floor).toBeUndefined()
    expect(await read('SELECT status FROM run')).toEqual([{ status: 'new' }])
  })

  it('a dismissed transaction leaves without a proof that no node could give', async () => {
    const seq = pend(insert(1))
    overlay.takeOut([seq], 'dismissed')
    expect(overlay.floor).toBeUndefined()
    expect(await read('SELECT * FROM run')).toEqual([])
  })

  it('N16: a pin keeps its version while others come and go, and what left is removed when it ends', async () => {
    await store(1, 'stored')
    const seq = pend(update(1, { status: 'first' }))
    const pin = overlay.pin(60_000)
    pend(update(1, { status: 'second' }), insert(2))
    overlay.takeOut([seq])
    const { rows } = await overlay.query(node, 'SELECT status FROM run', [], { coverage: { site }, pin })
    expect(rows).toEqual([{ status: 'first' }])
    expect(overlay.floor).toBeUndefined()
    pin.release()
    expect(overlay.floor).toEqual({ epoch, seq })
    await expect(overlay.query(node, 'SELECT 1', [], { coverage: { site }, pin })).rejects.toMatchObject({
      code: 'wait_timeout',
    })
  })

  it('N16: the deadline ends a pin that is not released', async () => {
    const seq = pend(insert(1))
    overlay.pin(5)
    overlay.takeOut([seq])
    await expect.poll(() => overlay.floor, { timeout: 5000 }).toEqual({ epoch, seq })
  })

  it('N16: what is taken out while a statement runs stays for that statement', async () => {
    await store(1, 'a stale row')
    const seq = pend(update(1, { unit: '2' }))
    const slow: NodeExecutor = {
      query: async (statement) => {
        const result = await node.query(statement)
        overlay.takeOut([seq])
        return result
      },
    }
    const { rows } = await overlay.query(slow, byUnit, [1], { coverage: { site } })
    expect(rows).toEqual([])
  })

  it('N18: a pending change that moves a row out of the predicate hides main’s version of it', async () => {
    for (let number = 1; number <= 5; number++) await store(number, `s${number}`)
    pend(update(1, { unit: '2' }), remove(2))
    expect((await read(byUnit, [1])).map((row) => row.status)).toEqual(['s3', 's4', 's5'])
    expect(statements).toHaveLength(2)
    expect(await read('SELECT count(*)::int FROM run WHERE unit = 1')).toEqual([{ count: 3 }])
  })

  it('N18: a change that sets only other columns shows in the row’s place', async () => {
    for (let number = 1; number <= 3; number++) await store(number, `s${number}`)
    pend(update(2, { note: 'changed' }))
    expect(await read(byUnit, [1])).toMatchObject([{ note: null }, { note: 'changed' }, { note: null }])
  })

  it('N18: a change of the sort column moves the row although it says nothing of the predicate', async () => {
    for (let number = 1; number <= 4; number++) await store(number, `s${number}`)
    pend(update(4, { status: 's0' }))
    expect((await read(byUnit, [1])).map((row) => row.status)).toEqual(['s0', 's1', 's2'])
  })

  it('N19: a pending change is made to the row of the same snapshot, not to a remembered one', async () => {
    await store(1, 'stored', 'before')
    pend(update(1, { status: 'pending' }))
    expect(await read('SELECT status, note FROM run')).toEqual([{ status: 'pending', note: 'before' }])
    await client.query(`UPDATE run SET note = 'from another site'`)
    expect(await read('SELECT status, note FROM run')).toEqual([
      { status: 'pending', note: 'from another site' },
    ])
  })

  it.each(['rejected', 'parked'] as const)(
    'N20: an insert that is %s shows until main has the key',
    async (state) => {
      const seq = pend(insert(1, { note: 'ours' }))
      journal.setState(seq, state)
      const queries = ['SELECT note FROM run', `SELECT note FROM run WHERE id = '${uuid(1)}'`, byUnit]
      for (const sql of queries)
        expect(await read(sql, sql === byUnit ? [1] : [])).toMatchObject([{ note: 'ours' }])
      await store(1, 'theirs', 'theirs')
      for (const sql of queries)
        expect(await read(sql, sql === byUnit ? [1] : [])).toMatchObject([{ note: 'theirs' }])
      expect(await read('SELECT count(*)::int FROM run')).toEqual([{ count: 1 }])
    },
  )

  it('N20: changes and deletes that main rejected stay visible, also after a rejected insert', async () => {
    await store(1, 'stored')
    await store(2, 'stored')
    for (const seq of [
      pend(update(1, { note: 'kept' })),
      pend(remove(2)),
      pend(insert(3)),
      pend(update(3, { note: 'later' })),
    ]) {
      journal.setState(seq, 'rejected')
    }
    await store(3, 'theirs')
    const rows = await read('SELECT status, note FROM run ORDER BY id')
    expect(rows).toEqual([
      { status: 'stored', note: 'kept' },
      { status: 'theirs', note: 'later' },
    ])
  })

  it('a row deleted and inserted again hides main’s row even when the insert is rejected', async () => {
    await store(1, 'stored')
    pend(remove(1))
    journal.setState(pend(insert(1, { status: 'again' })), 'rejected')
    expect(await read('SELECT status FROM run')).toEqual([{ status: 'again' }])
  })

  it('answers a pending row and its state without any database', async () => {
    pend(update(1, { note: 'x' }))
    const seq = pend(update(1, { status: 'y' }))
    journal.setState(seq, 'applied')
    expect(await overlay.row(table, { id: uuid(1).toUpperCase() })).toMatchObject({
      kind: 'patch',
      image: { note: 'x', status: 'y' },
      seqs: [1, 2],
      state: 'applied',
    })
    expect(overlay.stateOf(table, { id: uuid(1) })).toBe('applied')
    expect(overlay.stateOf(table, { id: uuid(2) })).toBe('replicated')
    expect(await overlay.row(table, { id: uuid(2) })).toBeUndefined()
  })

  it('an aggregate falls back to looking at every row where the difference does not tell', async () => {
    await client.query(
      'INSERT INTO run SELECT gen_random_uuid(), 1, i::text, NULL FROM generate_series(1, 9) AS i',
    )
    const { rows } = await client.query(`SELECT id FROM run WHERE status = '9'`)
    pend({ kind: 'delete', table, key: { id: rows[0].id } })
    expect(
      await read('SELECT unit, max(status), min(status), count(*)::text FROM run GROUP BY unit'),
    ).toEqual([{ unit: 1, max: '8', min: '1', count: '8' }])
    expect(statements).toHaveLength(2)
    expect(await read('SELECT count(*)::text, min(status) FROM run')).toEqual([{ count: '8', min: '1' }])
    expect(statements).toHaveLength(3)
  })

  it('goes out unchanged while nothing is pending and nothing was taken out', async () => {
    const sql = 'SELECT my_total() -- whatever'
    await read(sql, [], {})
    expect(statements).toEqual([sql])
  })

  it.each([
    ['not_a_select', 'DELETE FROM run'],
    ['modifying_cte', 'WITH d AS (DELETE FROM run RETURNING *) SELECT * FROM d'],
    ['select_into', 'SELECT * INTO copy FROM run'],
    ['row_locking', 'SELECT * FROM (SELECT * FROM run FOR UPDATE) r'],
    ['system_column', 'SELECT r.xmin FROM run r'],
    ['tablesample', 'SELECT * FROM run TABLESAMPLE system (1)'],
    ['user_function', 'SELECT public.my_total()'],
    ['reads_by_name', `SELECT query_to_xml('SELECT * FROM run', true, true, '')`],
    ['row_security', 'SELECT * FROM secret'],
    ['materialized_view', 'SELECT * FROM stored'],
    ['partition', 'SELECT * FROM part_1'],
    ['no_primary_key', 'SELECT * FROM loose'],
  ])('refuses with %s: %s', async (kind, sql) => {
    pend(insert(1))
    pend({ kind: 'insert', table: 'public.secret', row: { id: '1' } })
    pend({ kind: 'insert', table: 'public.part_1', row: { id: '1' } })
    pend({ kind: 'insert', table: 'public.loose', row: { x: '1' } })
    await expect(read(sql)).rejects.toMatchObject({ code: 'read_refused', details: { kind } })
    expect(await read('SELECT id FROM part')).toEqual([{ id: 1 }])
  })

  it.each(['SELECT 1; SELECT 2', '', '-- nothing', 'SELEC 1', 'SELECT \0'])(
    'P9: says what is wrong with %j',
    async (sql) => {
      await expect(read(sql)).rejects.toMatchObject({ code: 'read_invalid' })
    },
  )

  it('P9: takes every character that PostgreSQL takes in strings, names and comments', async () => {
    pend(insert(1, { note: 'é\u0001\n' }))
    const sql = `SELECT 'a\u0001\t"\\😀'\f AS "n\u0002 ""é", note /* \u0003 */ FROM run WHERE note = 'é\u0001\n' -- \u0004`
    expect(await read(sql)).toEqual([{ 'n\u0002 "é': 'a\u0001\t"\\😀', note: 'é\u0001\n' }])
  })

  it('P9: takes no values beyond the statement’s own parameters', async () => {
    await expect(read('SELECT * FROM run WHERE unit = $1', [1, 2])).rejects.toMatchObject({
      code: 'read_invalid',
    })
  })
})
