import { describeEachPostgres, freshDatabase, useServer } from '@outpost/lab/testing'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../clock/clock.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import type { Catalog } from '../postgres/catalog.ts'
import { introspect } from '../postgres/introspect.ts'
import type { Operation } from '../transaction/operation.ts'
import type { Seq } from '../transaction/transaction.ts'
import { createOverlay } from './create-overlay.ts'
import type { Coverage, NodeExecutor, Overlay } from './overlay.ts'
import { epoch, MemoryJournal } from './property/memory-journal.spec-suite.ts'
import { Random } from './property/random.spec-suite.ts'
import { sampleSchema, sampleTables, withSampleKey } from './property/sample-schema.spec-suite.ts'
import { type SampleSelect, SampleSelects } from './property/sample-select.spec-suite.ts'
import { operationSql, SampleWorld } from './property/sample-world.spec-suite.ts'

const seed = Number(process.env.OUTPOST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const caseCount = Number(process.env.OUTPOST_CASES ?? 1000)
const queriesPerWorld = 20
const site = 'observatory'

/** Every value as PostgreSQL writes it, rows as arrays: nothing is lost in the comparison. */
async function textRows(client: pg.Client, select: SampleSelect): Promise<readonly string[]> {
  const result = await client.query({
    text: select.sql,
    values: [...select.values],
    rowMode: 'array',
    types: asText,
  })
  return inOrder(
    result.rows.map((row) => JSON.stringify(row)),
    select,
  )
}

const asText = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig

const inOrder = (rows: readonly string[], select: SampleSelect): readonly string[] =>
  select.isOrdered ? rows : [...rows].sort()

describeEachPostgres('overlay', (version) => {
  const server = useServer(version)
  let base: pg.Client
  let truth: pg.Client
  let catalog: Catalog
  let lineage: string
  const drops: (() => Promise<void>)[] = []

  const connect = async (): Promise<pg.Client> => {
    const database = await freshDatabase(server())
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await client.query(`SET timezone = 'UTC'`)
    drops.push(async () => {
      await client.end()
      await database.drop()
    })
    await client.query(sampleSchema)
    return client
  }

  beforeAll(async () => {
    base = await connect()
    truth = await connect()
    await migrate(base, [outpostMigrations])
    catalog = withSampleKey(await introspect(base, { schemas: ['public', 'Odd'] }))
    const { rows } = await base.query(
      `INSERT INTO outpost.lineage (ordinal, system_identifier, timeline, lsn) VALUES (1, '1', 1, '0/1') RETURNING id`,
    )
    lineage = rows[0].id
  })
  afterAll(async () => {
    for (const drop of drops) await drop()
  })

  const empty = async (): Promise<void> => {
    const sql = `TRUNCATE ${sampleTables.map((table) => table.name).join(', ')}`
    await truth.query(sql)
    await base.query(`${sql}, outpost.ledger CASCADE`)
  }

  const run = async (client: pg.Client, operations: readonly Operation[]): Promise<void> => {
    if (operations.length > 0) await client.query(operations.map(operationSql).join(';\n'))
  }

  const newOverlay = (journal: MemoryJournal, imageBytes?: number): Overlay =>
    createOverlay({
      catalog: () => catalog,
      journal,
      clock: systemClock,
      ...(imageBytes !== undefined && { imageBytes }),
    })

  const recordApplied = async (seqs: readonly Seq[]): Promise<void> => {
    if (seqs.length === 0) return
    await base.query(
      `INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
       SELECT seq, now(), now(), $1, gen_random_uuid(), $2, $3, 'applied', '' FROM unnest($4::bigint[]) AS seq`,
      [epoch, lineage, site, seqs],
    )
  }

  const coverageOf = (overlay: Overlay): Coverage => ({
    site,
    lineage,
    ...(overlay.floor && { floor: overlay.floor }),
  })

  /**
   * Random rows on both; random transactions folded, a subset of them on the base, some of these taken out. With
   * `hasOthers` some are another site's: on the base, where nothing waits for its rows, and never folded.
   */
  const build = async (random: Random, hasOthers: boolean) => {
    await empty()
    const world = new SampleWorld(random)
    const initial = world.initialRows(random.below(30))
    await run(base, initial)
    await run(truth, initial)
    const journal = new MemoryJournal()
    const overlay = newOverlay(journal, random.chance(0.2) ? 0 : undefined)
    const waiting = new Set<string>()
    const replicated: Seq[] = []
    const leaving: Seq[] = []
    const staying = new Set<string>()
    const onBase: Operation[] = []
    const count = random.below(40)
    for (let index = 0; index < count; index++) {
      const { operations, touches } = world.transaction()
      await run(truth, operations)
      const isBlocked = [...touches].some((key) => waiting.has(key))
      if (hasOthers && !isBlocked && random.chance(0.3)) {
        onBase.push(...operations)
        continue
      }
      const record = journal.add(...operations)
      overlay.fold([record])
      if (isBlocked || random.chance(0.6)) for (const key of touches) waiting.add(key)
      else {
        onBase.push(...operations)
        replicated.push(record.seq)
        // A row's transactions are applied in order (P4), so they leave in order.
        const isStaying = [...touches].some((key) => staying.has(key))
        if (isStaying || random.chance(0.5)) for (const key of touches) staying.add(key)
        else leaving.push(record.seq)
      }
    }
    await run(base, onBase)
    await recordApplied(replicated)
    overlay.takeOut(leaving)
    return { world, overlay, replicated: new Set(replicated) }
  }

  it.each([
    { reader: 'alone', isPast: false },
    { reader: 'who has seen what others made of them', isPast: true },
  ])(
    'P6, N21: random transactions, a random subset replicated, random SELECTs of one $reader equal the truth',
    async ({ isPast }) => {
      const worlds = Math.ceil(caseCount / queriesPerWorld)
      for (let number = 0; number < worlds; number++) {
        const worldSeed = (seed + number) % 2 ** 31
        const { world, overlay, replicated } = await build(new Random(worldSeed), isPast)
        const scope = { ...(isPast && { findArrived: async () => replicated }) }
        const selects = new SampleSelects(world)
        for (let query = 0; query < queriesPerWorld; query++) {
          const select = selects.next()
          const label = `OUTPOST_SEED=${worldSeed} OUTPOST_CASES=${queriesPerWorld} query ${query}: ${select.sql} ${JSON.stringify(select.values)}`
          const expected = await textRows(truth, select).catch((error: Error) => {
            throw new Error(`${label}\ntruth: ${error.message}`)
          })
          const read = await overlay
            .query(arrayRows(base), select.sql, select.values, { coverage: coverageOf(overlay), ...scope })
            .catch((error: Error) => {
              throw new Error(`${label}\noverlay: ${error.message}`, { cause: error })
            })
          const rows = read.rows.map((row) => JSON.stringify(Object.values(row)))
          expect(inOrder(rows, select), label).toEqual(expected)
        }
      }
    },
    600_000,
  )
})

/** Objects whose values are the row's columns in order, also when names repeat. */
function arrayRows(client: pg.Client): NodeExecutor {
  return {
    query: async ({ text, values, name }) => {
      if (/^(BEGIN|COMMIT)/.test(text)) {
        await client.query(text)
        return { rows: [], fields: [], rowCount: null }
      }
      const result = await client.query({
        text,
        values: [...values],
        rowMode: 'array',
        types: asText,
        ...(name !== undefined && { name }),
      })
      const names = result.fields.map((field, index) =>
        field.name.startsWith('_op_') ? field.name : `${index}:${field.name}`,
      )
      const rows = result.rows.map((row: readonly unknown[]) =>
        Object.fromEntries(names.map((column, index) => [column, row[index]])),
      )
      return { rows, fields: result.fields, rowCount: result.rowCount }
    },
  }
}
