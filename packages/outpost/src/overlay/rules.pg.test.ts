import { describeEachPostgres, freshDatabase, useServer, waitFor } from '@outpost/lab/testing'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../clock/clock.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import type { Catalog } from '../postgres/catalog.ts'
import { introspect } from '../postgres/introspect.ts'
import type { Operation, TextRow } from '../transaction/operation.ts'
import { createOverlay } from './create-overlay.ts'
import type { Coverage, FindArrived, NodeExecutor, Overlay, OverlayPin } from './overlay.ts'
import { epoch, MemoryJournal } from './property/memory-journal.spec-suite.ts'

const schema = `
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE run (
  id integer PRIMARY KEY, status text NOT NULL DEFAULT 'running', note text, label text COLLATE caseless, size bigint
);`
const site = 'observatory'

const insert = (id: number, row: TextRow = {}): Operation => ({
  kind: 'insert',
  table: 'public.run',
  row: { id: String(id), status: 'running', note: null, label: null, size: null, ...row },
})
const update = (id: number, set: TextRow): Operation => ({
  kind: 'update',
  table: 'public.run',
  key: { id: String(id) },
  set,
})

describeEachPostgres('reading main with pending rows over it', (version) => {
  const server = useServer(version)
  let base: pg.Client
  let catalog: Catalog
  let journal: MemoryJournal
  let overlay: Overlay
  let drop: () => Promise<void>

  beforeEach(async () => {
    const database = await freshDatabase(server())
    base = new pg.Client({ connectionString: database.url })
    await base.connect()
    await migrate(base, [outpostMigrations])
    await base.query(schema)
    catalog = await introspect(base)
    journal = new MemoryJournal()
    overlay = createOverlay({ catalog: () => catalog, journal, clock: systemClock })
    drop = async () => {
      await base.end()
      await database.drop()
    }
  })
  afterEach(() => drop())

  /** The node; `before` runs just before a statement does, as whatever happens meanwhile. */
  const node = (before: () => void = () => undefined): NodeExecutor => ({
    query: async ({ text, values }) => {
      before()
      return await base.query({ text, values: [...values] })
    },
  })
  const coverage = (): Coverage => ({ site, ...(overlay.floor && { floor: overlay.floor }) })
  const read = async (
    sql: string,
    options: {
      readonly values?: readonly unknown[]
      readonly pin?: OverlayPin
      readonly findArrived?: FindArrived
      readonly before?: () => void
    } = {},
  ) => {
    const { values = [], before, ...scope } = options
    return (await overlay.query(node(before), sql, values, { coverage: coverage(), ...scope })).rows
  }
  const record = (...operations: readonly Operation[]): number => {
    const added = journal.add(...operations)
    overlay.fold([added])
    return added.seq
  }
  const onNode = (sql: string, values: readonly unknown[] = []) => base.query(sql, [...values])
  const ledgerRow = (seq: number) =>
    onNode(
      `INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
       VALUES ($1, now(), now(), $2, gen_random_uuid(), gen_random_uuid(), $3, 'applied', '')`,
      [seq, epoch, site],
    )

  it('N16: what is confirmed while a statement is under way stays over the snapshot that lacks it', async () => {
    await onNode(`INSERT INTO run (id, note) VALUES (1, 'of main')`)
    const seq = record(update(1, { note: 'pending' }))
    // The first round brings main's row; before the second one looks, another reader has seen the change replicated.
    let rounds = 0
    const rows = await read(`SELECT id, note FROM run WHERE status = 'running'`, {
      before: () => {
        if (rounds++ === 0) overlay.takeOut([seq])
      },
    })
    expect(rows).toEqual([{ id: 1, note: 'pending' }])
  })

  it('N16: a fixed snapshot keeps the version that was pinned before it, whatever comes and goes', async () => {
    const early = record(insert(1))
    await onNode('BEGIN ISOLATION LEVEL REPEATABLE READ')
    const pin = overlay.pin(60_000)
    expect(await read('SELECT id FROM run', { pin })).toEqual([{ id: 1 }])
    record(insert(2), update(1, { status: 'completed' }))
    overlay.takeOut([early])
    expect(await read('SELECT id, status FROM run ORDER BY id', { pin })).toEqual([
      { id: 1, status: 'running' },
    ])
    await onNode('COMMIT')
    pin.release()
    expect(overlay.floor).toEqual({ epoch, seq: early })
  })

  it('N16: a pin that is not released ends at its deadline, and is refused then', async () => {
    const seq = record(insert(1))
    const pin = overlay.pin(30)
    overlay.takeOut([seq])
    expect(overlay.pendingRows('public.run')).toBe(1)
    await waitFor(() => overlay.pendingRows('public.run') === 0, { what: 'the deadline' })
    await expect(read('SELECT id FROM run', { pin })).rejects.toMatchObject({ code: 'wait_timeout' })
  })

  it('N17: a node without the ledger row of what was taken out is not used, unless it is put back', async () => {
    const seq = record(insert(1))
    overlay.takeOut([seq])
    await expect(read('SELECT id FROM run')).rejects.toMatchObject({ code: 'OP002' })
    overlay.putBack(journal.records)
    expect(await read('SELECT id FROM run')).toEqual([{ id: 1 }])
    overlay.takeOut([seq])
    await onNode('INSERT INTO run (id) VALUES (1)')
    await ledgerRow(seq)
    expect(await read('SELECT id FROM run')).toEqual([{ id: 1 }])
  })

  it('N17: a transaction taken out after a newer one is proven too', async () => {
    const late = record(insert(1))
    const newest = record(insert(2))
    overlay.takeOut([newest])
    overlay.takeOut([late])
    await ledgerRow(newest)
    await expect(read('SELECT id FROM run')).rejects.toMatchObject({ code: 'OP002' })
    await ledgerRow(late)
    expect(await read('SELECT id FROM run')).toEqual([])
  })

  it('N21: what is put back while it is asked what has arrived covers nothing that others made of it', async () => {
    const seq = record(insert(1, { note: 'ours' }))
    await onNode(`INSERT INTO run (id, note) VALUES (1, 'theirs')`)
    await ledgerRow(seq)
    overlay.takeOut([seq])
    const ranges: unknown[] = []
    const rows = await read('SELECT note FROM run', {
      findArrived: async (_, held) => {
        ranges.push(held.range)
        if (ranges.length === 1) overlay.putBack(journal.records)
        return new Set(held.range && [held.range.first])
      },
    })
    expect(rows).toEqual([{ note: 'theirs' }])
    expect(ranges).toEqual([undefined, { first: seq, last: seq }])
  })

  it('N18: a change that moves a row out of the predicate hides the row of main', async () => {
    await onNode('INSERT INTO run (id) VALUES (1), (2)')
    record(update(1, { status: 'completed' }))
    expect(await read(`SELECT count(*)::integer AS n FROM run WHERE status = 'running'`)).toEqual([{ n: 1 }])
    expect(await read(`SELECT id FROM run WHERE status = 'running'`)).toEqual([{ id: 2 }])
  })

  it('N18: a change that moves a row out of the predicate, counted row by row, is not counted', async () => {
    await onNode('INSERT INTO run (id, size) VALUES (1, 1), (2, 2)')
    record(update(1, { status: 'completed' }))
    const sql = `SELECT string_agg(id::text, ',' ORDER BY id) AS ids FROM run WHERE status = 'running'`
    expect(await read(sql)).toEqual([{ ids: '2' }])
    expect(await read(`SELECT max(size)::integer AS size FROM run WHERE status = 'completed'`)).toEqual([
      { size: 1 },
    ])
  })

  it('N18: a returned row that turns out to be pending is excluded and the statement run again', async () => {
    await onNode('INSERT INTO run (id, size) VALUES (1, 10), (2, 20), (3, 30)')
    record(update(3, { note: 'pending' }))
    record(update(2, { size: '5' }))
    let rounds = 0
    const rows = await read(
      `SELECT id, size::integer, note FROM run WHERE status = 'running' ORDER BY size DESC LIMIT 2`,
      {
        before: () => rounds++,
      },
    )
    expect(rows).toEqual([
      { id: 3, size: 30, note: 'pending' },
      { id: 1, size: 10, note: null },
    ])
    expect(rounds).toBeGreaterThan(1)
  })

  it('N18: images are not pruned by a column whose equality only PostgreSQL knows', async () => {
    record(insert(1, { label: 'Andromeda' }))
    expect(await read('SELECT id FROM run WHERE label = $1', { values: ['ANDROMEDA'] })).toEqual([{ id: 1 }])
  })

  it('N19: a patch lands on the row of the same snapshot, whatever others changed there', async () => {
    await onNode(`INSERT INTO run (id, note) VALUES (1, 'before')`)
    record(update(1, { status: 'completed' }))
    expect(await read('SELECT status, note FROM run')).toEqual([{ status: 'completed', note: 'before' }])
    await onNode(`UPDATE run SET note = 'by another site'`)
    expect(await read('SELECT status, note FROM run')).toEqual([
      { status: 'completed', note: 'by another site' },
    ])
    await onNode('DELETE FROM run')
    expect(await read('SELECT status, note FROM run')).toEqual([])
  })

  it.each(['rejected', 'parked'] as const)('N20: what is %s stays visible with that state', async (state) => {
    await onNode('INSERT INTO run (id) VALUES (2)')
    for (const seq of [record(insert(1)), record(update(2, { status: 'completed' }))])
      journal.setState(seq, state)
    expect(await read('SELECT id, status FROM run ORDER BY id')).toEqual([
      { id: 1, status: 'running' },
      { id: 2, status: 'completed' },
    ])
    expect(overlay.stateOf('public.run', { id: '1' })).toBe(state)
  })

  it('N20: of a refused insert whose key main has, the row of main is served, with later changes on it', async () => {
    const seq = record(insert(1, { note: 'refused' }))
    journal.setState(seq, 'rejected')
    await onNode(`INSERT INTO run (id, note) VALUES (1, 'of main')`)
    expect(await read('SELECT id, note FROM run')).toEqual([{ id: 1, note: 'of main' }])
    expect(await read('SELECT id, note FROM run WHERE id = 1')).toEqual([{ id: 1, note: 'of main' }])
    expect(await read('SELECT note FROM run ORDER BY note')).toEqual([{ note: 'of main' }])
    expect(await read('SELECT note FROM run ORDER BY id LIMIT 5')).toEqual([{ note: 'of main' }])
    expect(await read('SELECT count(*)::integer AS n FROM run')).toEqual([{ n: 1 }])
    journal.setState(record(update(1, { status: 'aborted' })), 'parked')
    expect(await read('SELECT id, status, note FROM run')).toEqual([
      { id: 1, status: 'aborted', note: 'of main' },
    ])
  })
})
