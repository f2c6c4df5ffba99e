import { describeEachPostgres, freshDatabase, useServer } from '@outpost/lab/testing'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../clock/clock.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { writeDirect } from './direct-write.ts'
import { NodePool } from './node-pool.ts'

describeEachPostgres('a write straight to main', (version) => {
  const server = useServer(version)
  let main: NodePool
  let client: pg.Client
  let drop: () => Promise<void>

  beforeEach(async () => {
    const database = await freshDatabase(server())
    client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await migrate(client, [outpostMigrations])
    await client.query('CREATE TABLE source (name text NOT NULL)')
    main = new NodePool({ name: 'main', config: { connectionString: database.url }, clock: systemClock })
    drop = async () => {
      await main.stop()
      await client.end()
      await database.drop()
    }
  })
  afterEach(() => drop())

  const idempotency = { scope: 'main/1', key: 'k', requestDigest: 'd' }
  const write = (name: string, status = 201) =>
    writeDirect(
      main,
      async (query) => {
        await query('INSERT INTO source (name) VALUES ($1)', [name])
        return { status, body: { name } }
      },
      { site: 'main', lineage: undefined, idempotency, timeoutMs: 5_000 },
    )
  const names = async () =>
    (await client.query('SELECT name FROM source')).rows.map(({ name }) => name as string)

  it('N5: commits the write and its answer together: of several with one key at once, one takes effect', async () => {
    const answers = await Promise.all(['a', 'b', 'c'].map((name) => write(name)))
    expect(answers.filter(({ isReplayed }) => !isReplayed)).toHaveLength(1)
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1)
    expect(await names()).toHaveLength(1)
  })

  it('N5: leaves no write behind whose answer could not be stored', async () => {
    await expect(write('a', 2 ** 40)).rejects.toMatchObject({ code: '22003' })
    expect(await names()).toEqual([])
    expect(await write('b')).toMatchObject({ isReplayed: false })
    expect(await names()).toEqual(['b'])
  })

  it('N5: refuses the key for another request, and changes nothing', async () => {
    await write('a')
    await expect(
      writeDirect(main, async () => ({ status: 201, body: null }), {
        site: 'main',
        lineage: undefined,
        idempotency: { ...idempotency, requestDigest: 'other' },
        timeoutMs: 5_000,
      }),
    ).rejects.toMatchObject({ code: 'idempotency_conflict' })
    expect(await names()).toEqual(['a'])
  })
})
