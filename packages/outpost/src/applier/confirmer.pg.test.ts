import { randomUUID } from 'node:crypto'
import { type Cluster, startLink, untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres, startTestCluster, waitFor } from '@outpost/lab/testing'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../clock/clock.ts'
import { Confirmer } from './confirmer.ts'
import { LsnTracker } from './lsn-tracker.ts'
import {
  file,
  finish,
  openTestMain,
  openTestSite,
  type TestMain,
  type TestSite,
  unit,
} from './real-site.spec-suite.ts'

describeEachPostgres('main and its replica', (version) => {
  let cluster: Cluster
  let main: TestMain
  const ends: (() => Promise<void>)[] = []

  beforeEach(async () => {
    cluster = await startTestCluster(version)
    main = await openTestMain(cluster.primary)
  })
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
    await main.client.end()
    await cluster.stop()
  })

  const replicaPool = (port: number): pg.Pool => {
    const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'postgres', database: main.database, max: 1 })
    pool.on('error', () => undefined)
    ends.push(() => pool.end())
    return pool
  }
  const confirm = (site: TestSite, pool: pg.Pool, states: string[] = []): Confirmer => {
    const confirmer = new Confirmer({
      site: 'observatory',
      journal: site.journal,
      clock: systemClock,
      query: async (sql, values) => (await pool.query(sql, [...values])).rows,
      lineage: () => {
        const news = site.lineages.at(-1)
        return news && { id: news.lineage, lsn: news.lineageLsn }
      },
      intervalMs: 20,
      idleIntervalMs: 50,
      onReplica: (state) => states.push(state),
    })
    ends.push(() => confirmer.stop())
    confirmer.start()
    return confirmer
  }

  it('N13: confirms what the replica shows, and only then', async () => {
    const site = await openTestSite({ config: main.config, catalog: main.catalog })
    ends.push(() => site.stop())
    const id = randomUUID()
    // The replica has main's lineage row, so that only the missing ledger rows keep it from confirming.
    await site.until('applied', await site.append([unit(randomUUID())]))
    await untilCaughtUp(cluster.standby, cluster.primary)
    await cluster.standby.query('SELECT pg_wal_replay_pause()')
    const parent = await site.append([unit(id)])
    const seqs = [parent, await site.append([file(id)], [parent])]
    await site.until('applied', ...seqs)
    const states: string[] = []
    const confirmer = confirm(site, replicaPool(cluster.standby.port), states)
    await waitFor(() => confirmer.state === 'connected', { what: 'a first look' })
    await confirmer.look()
    expect(seqs.map((seq) => site.journal.status(seq).state)).toEqual(['applied', 'applied'])
    await cluster.standby.query('SELECT pg_wal_replay_resume()')
    await site.until('replicated', ...seqs)
    expect(confirmer.state).toBe('connected')
    expect(site.journal.status(1)).toMatchObject({
      replicatedAtMs: expect.any(Number),
      lineage: expect.any(String),
    })
  })

  it('P8, N15: what a promoted standby lacks is applied again once, in order; the old main is told apart', async () => {
    const link = await startLink({ target: { host: '127.0.0.1', port: cluster.primary.port } })
    ends.push(() => link.stop())
    const { host, port } = link.endpoint('default')
    // The site knows one address only, as behind a pooler.
    const site = await openTestSite({
      config: { host, port, user: 'postgres', database: main.database },
      catalog: main.catalog,
    })
    ends.push(() => site.stop())
    const id = randomUUID()
    const kept = await site.append([unit(id)])
    await site.until('applied', kept)
    const replica = replicaPool(cluster.standby.port)
    await waitFor(async () => (await replica.query('SELECT FROM unit')).rowCount === 1, {
      what: 'the first unit on the standby',
    })
    await cluster.standby.stop()
    const lost = [await site.append([file(id)], [kept]), await site.append([finish(id)], [kept])]
    await site.until('applied', ...lost)
    await cluster.primary.stop('immediate')
    await cluster.standby.start()
    await cluster.standby.promote()
    await link.forward('default', { host: '127.0.0.1', port: cluster.standby.port })
    await waitFor(() => site.redriven.length === 2, { what: 'the re-drive', deadlineMs: 20_000 })
    await site.until('applied', kept, ...lost)
    expect(site.redriven).toEqual(lost)
    const promoted = replicaPool(cluster.standby.port)
    expect(
      (await promoted.query('SELECT status, (SELECT count(*)::integer FROM file) AS files FROM unit')).rows,
    ).toEqual([{ status: 'completed', files: 1 }])
    expect(site.lineages.map(({ isChanged, redriven }) => [isChanged, redriven])).toEqual(
      expect.arrayContaining([[true, 2]]),
    )
    // The old main still has both rows, of the old lineage: it must not confirm them.
    await cluster.primary.start()
    const states: string[] = []
    confirm(site, replicaPool(cluster.primary.port), states)
    await waitFor(() => states.at(-1) === 'diverged' || states.at(-1) === 'behind', { what: 'the verdict' })
    expect(site.journal.seqsIn('replicated')).toEqual([])
  })

  it('E1: executeAndTrack tells when the replica has replayed the commit', async () => {
    const onMain = replicaPool(cluster.primary.port)
    const onReplica = replicaPool(cluster.standby.port)
    const tracker = new LsnTracker({
      main: async (work) => {
        const client = await onMain.connect()
        try {
          return await work(client)
        } finally {
          client.release()
        }
      },
      replica: async (sql, values) => (await onReplica.query(sql, [...values])).rows,
      clock: systemClock,
      intervalMs: 10,
      timeoutMs: 5_000,
    })
    for (const commit of ['on', 'off']) {
      const { replicated, position } = await tracker.executeAndTrack(async (client) => {
        await client.query(`SET LOCAL synchronous_commit = ${commit}`)
        await client.query('INSERT INTO unit (id, name) VALUES ($1, $2)', [randomUUID(), commit])
      })
      expect([commit, replicated]).toEqual([commit, true])
      expect(position).toMatch(/^1\/[0-9A-F]+\/[0-9A-F]+$/)
      expect((await onReplica.query('SELECT FROM unit WHERE name = $1', [commit])).rowCount).toBe(1)
    }
    await cluster.standby.query('SELECT pg_wal_replay_pause()')
    const late = await tracker.executeAndTrack(
      async (client) => (await client.query('DELETE FROM unit')).rowCount,
      { timeoutMs: 100 },
    )
    expect(late).toMatchObject({ result: 2, replicated: false })
    await expect(
      tracker.executeAndTrack(async (client) => await client.query('SELECT 1 / 0')),
    ).rejects.toMatchObject({ code: '22012' })
  })
})
