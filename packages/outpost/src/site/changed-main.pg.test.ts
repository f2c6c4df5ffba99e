import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type Link, startLink, untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres, startTestCluster, waitFor } from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { openSite } from './open-site.ts'
import type { Site } from './site-api.ts'

describeEachPostgres('a main that somebody changes under way', (pg) => {
  let cluster: Cluster
  let link: Link
  let folder: string
  let site: Site

  beforeEach(async () => {
    link = await startLink({ forwards: {} })
    // The replica follows past the link, so that it has a change of main's while the site's writes wait.
    cluster = await startTestCluster(pg)
    const { host, port } = cluster.primary
    const main = await link.forward('main', { host, port })
    await cluster.primary.query(
      'CREATE TABLE note (id integer PRIMARY KEY, text text NOT NULL, size integer)',
    )
    const client = await cluster.primary.connect()
    await migrate(client, [outpostMigrations])
    await client.end()
    await untilCaughtUp(cluster.standby, cluster.primary)
    folder = await mkdtemp(join(tmpdir(), 'outpost-changed-'))
    const database = 'postgres'
    site = await openSite({
      name: 'observatory',
      type: 'secondary',
      main: { ...main, user: 'postgres', database },
      local: { host: cluster.standby.host, port: cluster.standby.port, user: 'postgres', database },
      journalPath: folder,
      secretKey: 'a secret of some length',
      idleIntervalMs: 100,
    })
  })
  afterEach(async () => {
    await site.stop()
    await cluster.stop()
    await link.stop()
    await rm(folder, { recursive: true })
  })

  const record = async (id: number) => {
    const write = site.transaction()
    write.insert('note', { id, text: `note ${id}` })
    return await site.append(write)
  }
  const notes = () => site.read<{ id: number }>('SELECT * FROM note ORDER BY id')
  const onMain = async (sql: string) => {
    await cluster.primary.query(sql)
    await untilCaughtUp(cluster.standby, cluster.primary)
  }

  it('P6: reads on after a column was added, with rows pending that know nothing of it', async () => {
    const first = await record(1)
    await first.replicated()
    link.cut()
    await record(2)
    // Often enough that the statement is kept by name.
    for (let round = 0; round < 3; round += 1) expect((await notes()).rows).toHaveLength(2)
    await onMain('ALTER TABLE note ADD COLUMN weight integer')
    const { rows, servedBy } = await notes()
    expect({ ids: rows.map(({ id }) => id), servedBy }).toEqual({ ids: [1, 2], servedBy: 'replica' })
    expect(rows[0]).toHaveProperty('weight')
    link.restore()
    await (await record(3)).replicated()
    expect((await notes()).rows).toHaveLength(3)
  })

  it('P2, P5: a column that main dropped while rows without a value for it waited rejects none of them', async () => {
    await (await record(1)).replicated()
    link.cut()
    const waiting = [await record(2), await record(3)]
    const sized = site.transaction()
    sized.insert('note', { id: 4, text: 'note 4', size: 7 })
    const lost = await site.append(sized)
    await onMain('ALTER TABLE note DROP COLUMN size')
    link.restore()
    for (const receipt of waiting) await receipt.replicated()
    await expect(lost.applied()).rejects.toMatchObject({ code: 'transaction_rejected' })
    expect(await cluster.primary.query('SELECT * FROM note ORDER BY id')).toEqual(
      [1, 2, 3].map((id) => ({ id, text: `note ${id}` })),
    )
  })

  it('P6: a server without the tables in the place of the replica is no answer', async () => {
    await (await record(1)).replicated()
    const { standby } = cluster
    await standby.stop('immediate')
    await standby.clearData()
    await standby.init()
    await standby.start()
    await waitFor(async () => (await notes()).servedBy === 'main', { what: 'a read that main serves' })
    await expect(site.read('SELECT nothing()')).rejects.toMatchObject({ code: '42883' })
    link.cut()
    const error: unknown = await notes().catch((reason: unknown) => reason)
    expect(['main_unreachable', 'replica_unreachable']).toContain((error as { code?: unknown }).code)
  })

  it('N15: a replica that was promoted by mistake is told, and reads still show every write', async () => {
    await (await record(1)).replicated()
    await cluster.standby.promote()
    const problems = async () => (await site.health()).problems.map(({ code }) => code)
    await waitFor(async () => (await problems()).includes('replica_behind'), { what: 'health telling it' })
    await (await record(2)).applied()
    expect((await notes()).rows.map(({ id }) => id)).toEqual([1, 2])
  })
})
