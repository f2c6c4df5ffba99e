import { describeEachPostgres, freshDatabase, useServer } from '@outpost/lab/testing'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../clock/clock.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import type { Catalog } from '../postgres/catalog.ts'
import { introspect } from '../postgres/introspect.ts'
import type { Operation, TextRow } from '../transaction/operation.ts'
import { createOverlay } from './create-overlay.ts'
import type { NodeExecutor, Overlay } from './overlay.ts'
import { epoch, MemoryJournal } from './property/memory-journal.spec-suite.ts'

const site = 'observatory'
const table = 'public.run'

const insert = (id: number): Operation => ({
  kind: 'insert',
  table,
  row: { id: String(id), status: 'running', note: null },
})
const update = (id: number, set: TextRow): Operation => ({
  kind: 'update',
  table,
  key: { id: String(id) },
  set,
})

describeEachPostgres('N16, P4: what is recorded while a statement is under way', (version) => {
  const server = useServer(version)
  /** The node, and main's own work on it. */
  let reader: pg.Client
  let main: pg.Client
  let catalog: Catalog
  let journal: MemoryJournal
  let overlay: Overlay
  let sentThrough: number
  let statements: string[]
  let drop: () => Promise<void>

  beforeEach(async () => {
    const database = await freshDatabase(server())
    const clients = [1, 2].map(() => new pg.Client({ connectionString: database.url }))
    await Promise.all(clients.map((client) => client.connect()))
    ;[reader, main] = clients as [pg.Client, pg.Client]
    await migrate(main, [outpostMigrations])
    await main.query(`CREATE TABLE run (id integer PRIMARY KEY, status text NOT NULL, note text)`)
    catalog = await introspect(main)
    journal = new MemoryJournal()
    sentThrough = Number.POSITIVE_INFINITY
    statements = []
    overlay = createOverlay({
      catalog: () => catalog,
      journal,
      clock: systemClock,
      sentThrough: () => sentThrough,
    })
    drop = async () => {
      await Promise.all(clients.map((client) => client.end()))
      await database.drop()
    }
  })
  afterEach(() => drop())

  const record = (...operations: readonly Operation[]): number => {
    const added = journal.add(...operations)
    overlay.fold([added])
    return added.seq
  }
  /** Main applies these transactions and the node shows them. */
  const apply = async (...seqs: readonly number[]) => {
    await main.query('BEGIN')
    for (const { seq, operations } of await journal.getMany(seqs)) {
      for (const operation of operations) await applyOperation(main, operation)
      await main.query(
        `INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
         VALUES ($1, now(), now(), $2, gen_random_uuid(), gen_random_uuid(), $3, 'applied', '')`,
        [seq, epoch, site],
      )
    }
    await main.query('COMMIT')
  }
  /** `meanwhile` happens after the overlay's version was taken and before the node's snapshot, at each statement. */
  const read = async (sql: string, meanwhile: (round: number) => Promise<void>, values: unknown[] = []) => {
    const node: NodeExecutor = {
      query: async ({ text, values: all }) => {
        if (/^(WITH|SELECT)/.test(text)) await meanwhile(statements.push(text))
        else statements.push(text)
        return await reader.query(text, [...all])
      },
    }
    return (await overlay.query(node, sql, values, { coverage: { site } })).rows
  }
  const once = (work: () => Promise<void>) => async (round: number) => {
    if (round === 1) await work()
  }
  const all = 'SELECT id, status FROM run ORDER BY id'

  it('N16: is not shown by half where an older pending row covers a part of it', async () => {
    const started = record(insert(1))
    const meanwhile = once(async () => apply(started, record(update(1, { status: 'completed' }), insert(2))))
    expect(await read(all, meanwhile)).toEqual([
      { id: 1, status: 'completed' },
      { id: 2, status: 'running' },
    ])
  })

  it('is not mixed into one row with an older pending change', async () => {
    await main.query(`INSERT INTO run VALUES (1, 'running', NULL)`)
    const noted = record(update(1, { note: 'first' }))
    const meanwhile = once(async () =>
      apply(noted, record(update(1, { note: 'second', status: 'completed' }))),
    )
    expect(await read('SELECT status, note FROM run WHERE id = $1', meanwhile, [1])).toEqual([
      { status: 'completed', note: 'second' },
    ])
  })

  it('is whole also where the older one leaves the overlay meanwhile', async () => {
    const started = record(insert(1))
    const elder = overlay.pin(60_000)
    overlay.takeOut([started])
    const meanwhile = once(async () => {
      elder.release()
      await apply(started, record(update(1, { status: 'completed' }), insert(2)))
    })
    expect(await read(all, meanwhile)).toEqual([
      { id: 1, status: 'completed' },
      { id: 2, status: 'running' },
    ])
  })

  it('is whole in one more round, however much follows', async () => {
    const first = record(insert(1))
    await apply(first)
    // Whatever statement runs, main has the next step of row 1 and another row before its snapshot.
    const meanwhile = async (round: number) =>
      apply(record(update(1, { status: `step ${round}` }), insert(round + 1)))
    const rows = await read(all, meanwhile)
    expect(rows).toEqual([
      { id: 1, status: 'step 1' },
      { id: 2, status: 'running' },
    ])
    expect(statements.map((text) => text.split(' ')[0])).toEqual(['WITH', 'BEGIN', 'WITH', 'COMMIT'])
  })

  it('costs nothing while it changes other rows, was not sent yet, or nothing is pending', async () => {
    const started = record(insert(1))
    await read(all, async () => apply(record(insert(2))))
    sentThrough = journal.records.length
    await read(all, async () => void record(update(1, { status: 'completed' })))
    expect(statements).toHaveLength(2)
    await apply(started)
    overlay.takeOut(journal.records.map(({ seq }) => seq))
    sentThrough = Number.POSITIVE_INFINITY
    await apply(3)
    await read('SELECT count(*) FROM run', async () => apply(record(update(1, { status: 'archived' }))))
    expect(statements).toHaveLength(3)
  })

  it('leaves the connection outside a transaction when the second round fails', async () => {
    const started = record(insert(1))
    const meanwhile = async (round: number) => {
      if (round === 1) await apply(started, record(update(1, { status: 'completed' })))
      else await main.query('DROP TABLE run')
    }
    await expect(read(all, meanwhile)).rejects.toMatchObject({ code: '42P01' })
    expect(statements.at(-1)).toBe('ROLLBACK')
    await expect(reader.query('SELECT 1')).resolves.toBeDefined()
  })
})

async function applyOperation(main: pg.Client, operation: Operation): Promise<void> {
  if (operation.kind === 'insert') {
    const { id, status, note } = operation.row
    await main.query('INSERT INTO run VALUES ($1, $2, $3)', [id, status, note])
  } else if (operation.kind === 'update') {
    for (const [column, value] of Object.entries(operation.set))
      await main.query(`UPDATE run SET ${column} = $2 WHERE id = $1`, [operation.key.id, value])
  }
}
