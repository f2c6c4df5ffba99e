import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type PostgresServer, untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres, startTestCluster, waitFor } from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { openSite } from './open-site.ts'
import type { Receipt, Site, SiteOptions } from './site-api.ts'

describeEachPostgres('the main site without main', (pg) => {
  let cluster: Cluster
  let folder: string
  let site: Site | undefined

  beforeEach(async () => {
    cluster = await startTestCluster(pg)
    const client = await cluster.primary.connect()
    await migrate(client, [outpostMigrations])
    await client.query('CREATE TABLE note (id integer PRIMARY KEY, text text NOT NULL)')
    await client.end()
    await untilCaughtUp(cluster.standby, cluster.primary)
    folder = await mkdtemp(join(tmpdir(), 'outpost-main-site-'))
  })
  afterEach(async () => {
    await site?.stop()
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const at = ({ host, port }: PostgresServer) => ({ host, port, user: 'postgres', database: 'postgres' })
  const open = async (more: Partial<SiteOptions> = {}) => {
    site = await openSite({
      name: 'cologne',
      type: 'main',
      main: at(cluster.primary),
      local: at(cluster.standby),
      journalPath: folder,
      secretKey: 'a secret of some length',
      idleIntervalMs: 50,
      retryDelayMs: 50,
      ...more,
    })
    return site
  }
  const record = (to: Site, id: number): Promise<Receipt> => {
    const write = to.transaction()
    write.insert('note', { id, text: `note ${id}` })
    return to.append(write)
  }
  const ids = async (from: Site) => {
    const { rows, servedBy } = await from.read<{ id: number }>('SELECT id FROM note ORDER BY id')
    return { ids: rows.map(({ id }) => id), servedBy }
  }

  it('P1, P7: records, and reads what a late standby lacks, until main is back', async () => {
    const here = await open()
    await (await record(here, 1)).applied()
    await untilCaughtUp(cluster.standby, cluster.primary)
    await cluster.standby.query('SELECT pg_wal_replay_pause()')
    const late = await record(here, 2)
    await late.replicated()
    expect(await ids(here)).toEqual({ ids: [1, 2], servedBy: 'main' })
    await cluster.primary.stop('immediate')
    await record(here, 3)
    expect(await ids(here)).toEqual({ ids: [1, 2, 3], servedBy: 'replica' })
    expect(await here.readRow('note', { id: 2 })).toMatchObject({ row: { text: 'note 2' } })
    await cluster.primary.start()
    await waitFor(() => here.bufferStatistics().states.buffered === 0, { what: 'the backlog' })
    await waitFor(async () => (await ids(here)).servedBy === 'main', { what: 'reads from main' })
    expect(await ids(here)).toEqual({ ids: [1, 2, 3], servedBy: 'main' })
    expect(await cluster.primary.query('SELECT id FROM note ORDER BY id')).toEqual(
      [1, 2, 3].map((id) => ({ id })),
    )
  }, 120_000)

  it('P7: covers what the standby lacks also after a restart', async () => {
    let here = await open()
    await (await record(here, 1)).replicated()
    await untilCaughtUp(cluster.standby, cluster.primary)
    await cluster.standby.query('SELECT pg_wal_replay_pause()')
    await (await record(here, 2)).replicated()
    await here.stop()
    here = await open()
    await cluster.primary.stop('immediate')
    expect(await ids(here)).toEqual({ ids: [1, 2], servedBy: 'replica' })
  }, 120_000)

  it('P7: says what it cannot know once the journal has dropped what the standby lacks', async () => {
    const here = await open({ journalRetentionMs: 0, promotableStandbys: 'none' })
    await (await record(here, 1)).replicated()
    await untilCaughtUp(cluster.standby, cluster.primary)
    await cluster.standby.query('SELECT pg_wal_replay_pause()')
    await (await record(here, 2)).replicated()
    await waitFor(() => here.bufferStatistics().states.gone === 2, { what: 'the drop' })
    await cluster.primary.stop('immediate')
    await expect(ids(here)).rejects.toMatchObject({
      code: 'main_unreachable',
      message: expect.stringContaining('replica: lacks the floor') as string,
    })
    await record(here, 3)
    expect(await here.readRow('note', { id: 3 })).toMatchObject({ row: { text: 'note 3' } })
  }, 120_000)
})
