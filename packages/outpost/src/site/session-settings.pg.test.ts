import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Link, untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres, useCluster } from '@outpost/lab/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../clock/clock.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { NodePool } from './node-pool.ts'
import { openSite } from './open-site.ts'
import type { Site } from './site-api.ts'

const row = {
  id: 1,
  at: '2026-03-04T05:06:07.123Z',
  day: '2026-03-04',
  took: '1 day 02:03:04.5',
  size: 0.30000000000000004,
  bytes: '\\x00ff5c',
}

describeEachPostgres('a site whose role has settings of its own', (pg) => {
  const link = new Link()
  const cluster = useCluster(pg, { through: link })
  const opened: (() => Promise<void>)[] = []

  beforeAll(async () => {
    const client = await cluster().primary.connect()
    await migrate(client, [outpostMigrations])
    await client.query('CREATE ROLE site LOGIN SUPERUSER')
    await client.query(
      'CREATE TABLE unit (id integer PRIMARY KEY, at timestamptz, day date, took interval, size float8, bytes bytea)',
    )
    await client.end()
  })
  afterAll(() => link.stop())

  const open = async (): Promise<Site> => {
    const { upstream, standby, primary } = cluster()
    await untilCaughtUp(standby, primary)
    const folder = await mkdtemp(join(tmpdir(), 'outpost-settings-'))
    const at = ({ host, port }: { readonly host: string; readonly port: number }) => {
      return { host, port, user: 'site', database: 'postgres' }
    }
    const site = await openSite({
      name: 'observatory',
      type: 'secondary',
      main: at(upstream),
      local: at(standby),
      journalPath: folder,
      secretKey: 'a secret of the tests',
    })
    opened.push(
      () => site.stop(),
      () => rm(folder, { recursive: true }),
    )
    return site
  }

  it.each([
    ['datestyle', "'German'"],
    ['datestyle', "'SQL, DMY'"],
    ['extra_float_digits', "'-10'"],
    ['default_transaction_isolation', "'serializable'"],
  ])('P6: shows what was recorded, pending or not, with %s = %s', async (name, value) => {
    const { primary } = cluster()
    await primary.query(`ALTER ROLE site SET ${name} = ${value}`)
    try {
      const site = await open()
      const read = () => site.read('SELECT * FROM unit ORDER BY at LIMIT 10', [], { node: 'replica' })
      link.cut()
      const write = site.transaction()
      write.insert('unit', row)
      const receipt = await site.append(write)
      const pending = (await read()).rows
      link.restore()
      await receipt.replicated({ timeoutMs: 30_000 })
      expect((await read()).rows).toEqual(pending)
      expect(pending).toMatchObject([{ id: 1, at: new Date(row.at), size: row.size }])
    } finally {
      link.restore()
      while (opened.length > 0) await opened.shift()!()
      await primary.query(`ALTER ROLE site RESET ${name}`)
      await primary.query('TRUNCATE unit')
    }
  })

  it('E7: replaces a session that a hot standby answers nothing', async () => {
    const config = { connectionString: cluster().standby.connectionString() }
    const pool = new NodePool({ name: 'replica', config, clock: systemClock, maxConnections: 1 })
    // What a pooler may hand on: a backend whose settings are another's.
    await pool.run(5_000, (client) => client.query("SET default_transaction_isolation = 'serializable'"))
    const ask = () => pool.run(5_000, (client) => client.query('SELECT 1 AS one'), { insists: true })
    await expect(ask()).rejects.toMatchObject({ code: 'replica_unreachable' })
    expect((await ask()).rows).toEqual([{ one: 1 }])
    await pool.stop()
  })
})
