import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type Endpoint, Pgbouncer, startCluster, waitFor } from '@outpost/lab'
import {
  describeEachPostgres,
  describeEachPostgresWithPgbouncer,
  type PostgresUnderTest,
} from '@outpost/lab/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { grantSite } from '../ledger/grant-site.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { openSite } from './open-site.ts'
import type { Site } from './site-api.ts'

type Reach = (server: Endpoint) => Promise<Endpoint>

/** Everything that a site does, with the rights that `grantSite` gives and no others. */
function theWholeWay(pg: PostgresUnderTest, reach: Reach) {
  const sites: Site[] = []
  let cluster: Cluster
  let folder: string
  let observatory: Site
  let cologne: Site

  beforeAll(async () => {
    cluster = await startCluster({ binaries: pg.binaries })
    const client = await cluster.primary.connect()
    await migrate(client, [outpostMigrations])
    await client.query(`
      CREATE TABLE unit (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL UNIQUE);
      CREATE TABLE source (id serial PRIMARY KEY, name text NOT NULL)`)
    for (const site of ['observatory', 'cologne']) {
      await client.query(`CREATE ROLE ${site}_site LOGIN`)
      await grantSite(client, { role: `${site}_site`, site, tables: ['public.unit', 'public.source'] })
    }
    await client.end()
    folder = await mkdtemp(join(tmpdir(), 'outpost-granted-'))
    const [main, replica] = [await reach(cluster.primary), await reach(cluster.standby)]
    const open = async (name: string, type: 'main' | 'secondary') => {
      const database = ({ host, port }: Endpoint) => ({
        host,
        port,
        user: `${name}_site`,
        database: 'postgres',
      })
      const site = await openSite({
        name,
        type,
        main: database(main),
        ...(type === 'secondary' && { local: database(replica) }),
        journalPath: join(folder, name),
        secretKey: 'a secret of some length',
        journalRetentionMs: 0,
        promotableStandbys: [cluster.standby.name],
        idleIntervalMs: 100,
      })
      sites.push(site)
      return site
    }
    observatory = await open('observatory', 'secondary')
    cologne = await open('cologne', 'main')
  })
  afterAll(async () => {
    for (const site of sites) await site.stop()
    await cluster?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const record = async (site: Site, name: string) => {
    const write = site.transaction()
    write.insert('unit', { name })
    return await site.append(write)
  }
  const read = async (site: Site, name: string, token?: string) =>
    (await site.read('SELECT name FROM unit WHERE name = $1', [name], token === undefined ? {} : { token }))
      .rows

  it('records, applies, confirms, and reads what another site has recorded by its token', async () => {
    const receipt = await record(observatory, 'first')
    await receipt.replicated()
    expect(await read(observatory, 'first')).toEqual([{ name: 'first' }])
    const other = await record(cologne, 'from cologne')
    await other.applied()
    expect(await read(observatory, 'from cologne', other.token)).toHaveLength(1)
    expect(await read(cologne, 'first', receipt.token)).toHaveLength(1)
  })

  it('has its dead letters decided on', async () => {
    await (await record(observatory, 'twice')).replicated()
    const rejected = await record(observatory, 'twice')
    await waitFor(() => rejected.state === 'rejected', { what: 'the rejection' })
    expect(await observatory.deadLetters.mainRows(rejected.transactionId)).toMatchObject({ rows: [{}] })
    await observatory.deadLetters.edit(
      rejected.transactionId,
      [{ op: 'replace', path: '/0/row/name', value: 'twice 2' }],
      { reason: 'a slip', actor: 'operator' },
    )
    await waitFor(
      async () => (await cluster.primary.query(`SELECT FROM unit WHERE name = 'twice 2'`)).length === 1,
      {
        what: 'the edited one on main',
      },
    )
    await waitFor(() => rejected.state === 'superseded', { what: 'the decision' })
  })

  it('writes straight to main, once for a key, also into a table with a sequence', async () => {
    const write = () =>
      observatory.writeMain(
        async (query) => {
          const rows = await query(`INSERT INTO source (name) VALUES ('Orion') RETURNING id`)
          return { status: 201, body: rows[0] }
        },
        { idempotency: { scope: 'observatory/1', key: 'k', requestDigest: 'd' } },
      )
    expect(await write()).toMatchObject({ isReplayed: false })
    expect(await write()).toMatchObject({ isReplayed: true })
    const tracked = await observatory.executeAndTrack((client) =>
      client.query(`INSERT INTO source (name) VALUES ('M 31')`),
    )
    expect(tracked.replicated).toBe(true)
  })

  it('is healthy, knows its lag and the standby, and forgets what is safe on both sides', async () => {
    const rows = async () => (await cluster.primary.query('SELECT FROM outpost.ledger')).length
    await waitFor(async () => (await rows()) === 0 && (await observatory.transactions()).length === 0, {
      what: 'ledger and journal being empty',
      deadlineMs: 30_000,
    })
    await waitFor(async () => (await observatory.health()).problems.length === 0, { what: 'health' })
    const health = await observatory.health()
    expect(health).toMatchObject({ status: 'healthy', database: 'connected' })
    expect(health.replication_lag.current_lag_seconds).toBeLessThan(60)
    expect((await cologne.health()).status).toBe('healthy')
  })

  return () => cluster
}

describeEachPostgres('a site with the rights that it was granted', (pg) => {
  const cluster = theWholeWay(pg, (server) => Promise.resolve(server))

  it('is nobody else on any connection', async () => {
    for (const server of [cluster().primary, cluster().standby]) {
      const rows = await server.query(
        `SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'outpost%' AND usename NOT LIKE '%\\_site'`,
      )
      expect(rows).toEqual([])
    }
  })
})

describeEachPostgresWithPgbouncer('a site with the rights that it was granted', (pg) => {
  const bouncers: Pgbouncer[] = []
  theWholeWay(pg, async ({ host, port }) => {
    const bouncer = await Pgbouncer.start({ target: { host, port } })
    bouncers.push(bouncer)
    return { host: bouncer.host, port: bouncer.port }
  })
  afterAll(async () => {
    for (const bouncer of bouncers) await bouncer.stop()
  })
})
