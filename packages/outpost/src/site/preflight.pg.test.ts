import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type Link, startCluster, startLink } from '@outpost/lab'
import { describeEachPostgres } from '@outpost/lab/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import type { TransactionBuilder } from '../transaction/builder.ts'
import { openSite } from './open-site.ts'
import type { AppendOptions, Site } from './site-api.ts'

const schema = `
CREATE TABLE unit (id int PRIMARY KEY, name text NOT NULL UNIQUE, size int CHECK (size > 0));
CREATE TABLE file (id int PRIMARY KEY, unit_id int NOT NULL REFERENCES unit (id));
INSERT INTO unit VALUES (1, 'one', 1);`

describeEachPostgres('a site that looks before it records', (pg) => {
  let cluster: Cluster
  let link: Link
  let folder: string
  let site: Site

  const database = ({ host, port }: { host: string; port: number }) => ({
    host,
    port,
    user: 'postgres',
    database: 'postgres',
  })
  const append = (steps: (write: TransactionBuilder) => void, options?: AppendOptions) => {
    const write = site.transaction()
    steps(write)
    return site.append(write, options)
  }
  const flags = async (id: string) => (await site.transactionById(id))?.record.flags

  beforeAll(async () => {
    link = await startLink({ forwards: {} })
    cluster = await startCluster({ binaries: pg.binaries, through: link })
    const client = await cluster.primary.connect()
    await migrate(client, [outpostMigrations])
    await client.query(schema)
    await client.end()
    folder = await mkdtemp(join(tmpdir(), 'outpost-preflight-'))
    site = await openSite({
      name: 'observatory',
      type: 'secondary',
      main: database(link.endpoint('postgres')),
      local: database(cluster.standby),
      journalPath: folder,
      secretKey: 'a secret of some length',
      retryDelayMs: 100,
      idleIntervalMs: 100,
      // The machine of the tests may be slow.
      preflight: { budgetMs: 5_000 },
    })
    await (await append((write) => write.insert('unit', { id: 2, name: 'two' }))).replicated()
  })
  afterAll(async () => {
    await site?.stop()
    await cluster?.stop()
    await link?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('P9: refuses what main would refuse, and nothing is recorded', async () => {
    const before = site.bufferStatistics().states
    const taken = append((write) => write.insert('unit', { id: 3, name: 'two' }))
    await expect(taken).rejects.toMatchObject({
      code: 'already_exists',
      status: 409,
      details: { constraint: 'unit_name_key', conflict: { key: { id: '2' } }, confirmed_by_main: true },
    })
    const broken = append((write) => write.insert('unit', { id: 3, name: 'x', size: 0 }))
    await expect(broken).rejects.toMatchObject({ code: 'check_failed', status: 422 })
    const orphan = append((write) => write.insert('file', { id: 1, unit_id: 9 }))
    await expect(orphan).rejects.toMatchObject({ code: 'reference_missing', status: 409 })
    expect(site.bufferStatistics().states).toEqual(before)
  })

  it('P9: what the application finds is told first, and one transaction can do without', async () => {
    const own = append((write) => write.insert('unit', { id: 3, name: 'two' }), {
      check: () => Promise.reject(new Error('paused')),
    })
    await expect(own).rejects.toThrow('paused')
    const without = await append((write) => write.insert('unit', { id: 1, name: 'again' }), {
      preflight: false,
    })
    await expect(without.applied()).rejects.toMatchObject({ code: 'transaction_rejected' })
  })

  it('P2: with the link cut it judges by what is pending, too, and a silent replica stops nothing', async () => {
    link.cut()
    await append((write) => write.insert('unit', { id: 5, name: 'five' }))
    const refused = append((write) => write.insert('unit', { id: 6, name: 'five' }))
    await expect(refused).rejects.toMatchObject({
      details: { conflict: { key: { id: '5' }, pending: true, transaction_state: 'buffered' } },
    })
    const file = await append((write) => write.insert('file', { id: 5, unit_id: 5 }))
    expect(await flags(file.transactionId)).toEqual([])
    await cluster.standby.pause()
    const blind = await append((write) => write.insert('file', { id: 6, unit_id: 5 }))
    expect(await flags(blind.transactionId)).toEqual(['shape_only'])
    await cluster.standby.resume()
    link.restore()
    await blind.replicated()
  })
})
