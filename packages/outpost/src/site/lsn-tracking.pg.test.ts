import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres, startTestCluster, waitFor } from '@outpost/lab/testing'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { grantSite } from '../ledger/grant-site.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { openSite } from './open-site.ts'
import type { Site } from './site-api.ts'

const role = 'observatory_role'

describeEachPostgres('following the replica of a site', (pg) => {
  let cluster: Cluster
  let folder: string
  let site: Site

  beforeAll(async () => {
    cluster = await startTestCluster(pg)
    const client = await cluster.primary.connect()
    await migrate(client, [outpostMigrations])
    await client.query(`CREATE TABLE source (name text PRIMARY KEY); CREATE ROLE ${role} LOGIN`)
    await grantSite(client, { role, site: 'observatory', tables: ['public.source'] })
    await client.end()
    await untilCaughtUp(cluster.standby, cluster.primary)
  })
  afterAll(() => cluster.stop())
  afterEach(async () => {
    await cluster.standby.query('SELECT pg_wal_replay_resume()')
    await site.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const open = async (lsnTracking: boolean) => {
    folder = await mkdtemp(join(tmpdir(), 'outpost-tracking-'))
    const at = ({ host, port }: { host: string; port: number }) => ({
      host,
      port,
      user: role,
      database: 'postgres',
    })
    site = await openSite({
      name: 'observatory',
      type: 'secondary',
      main: at(cluster.primary),
      local: at(cluster.standby),
      journalPath: folder,
      secretKey: 'a secret of some length',
      lsnTracking,
      lsnCheckIntervalMs: 20,
      lsnTimeoutMs: 10_000,
    })
    await waitFor(() => site.isMainConnected, { what: 'contact with main' })
  }
  const insert = (name: string, options?: { readonly timeoutMs: number }) =>
    site.executeAndTrack(
      async (client) => (await client.query('INSERT INTO source VALUES ($1) RETURNING name', [name])).rows[0],
      options,
    )
  const onReplica = (name: string) => cluster.standby.query('SELECT FROM source WHERE name = $1', [name])

  it('E1: says that the replica has a direct write only when a read there finds it', async () => {
    await open(true)
    for (let n = 0; n < 20; n += 1) {
      const { result, replicated, position } = await insert(`tracked ${n}`)
      expect(await onReplica(`tracked ${n}`)).toHaveLength(1)
      expect({ result, replicated }).toEqual({ result: { name: `tracked ${n}` }, replicated: true })
      expect(position).toMatch(/^\d+\/[0-9A-F]+\/[0-9A-F]+$/)
    }
    await cluster.standby.query('SELECT pg_wal_replay_pause()')
    expect(await insert('unseen', { timeoutMs: 100 })).toMatchObject({ replicated: false })
    expect(await onReplica('unseen')).toHaveLength(0)
    const { replication_lag: lag } = await site.health()
    expect(lag).toMatchObject({ main_lsn: expect.any(String), replica_lsn: expect.any(String) })
  })

  it.each([true, false])('asks no replica once the signal has ended the wait, tracking: %s', async (isOn) => {
    await open(isOn)
    const look = async (options = {}) =>
      (await site.executeAndTrack((client) => client.query('SELECT'), options)).replicated
    await waitFor(() => look(), { what: 'a replica that has all' })
    for (let n = 0; n < 10; n += 1) expect(await look({ signal: AbortSignal.abort() })).toBe(false)
  })

  it('waits for nothing and shows no positions where it is switched off', async () => {
    await open(false)
    await cluster.standby.query('SELECT pg_wal_replay_pause()')
    expect(await insert('not waited for')).toMatchObject({ replicated: false })
    const { replication_lag: lag } = await site.health()
    expect(lag).toEqual({ current_lag_seconds: expect.any(Number), main_lsn: null, replica_lsn: null })
  })

  it('N4: writes nothing straight to a main outside its lineage, known as refused or not yet', async () => {
    await open(true)
    await insert('before')
    // Another server under the same address, as a pooler shows it: only its lineage tells.
    const rename = (id: string) =>
      cluster.primary.query('UPDATE outpost.lineage SET id = $1 WHERE id = $2', [id, lineage])
    let lineage = String((await cluster.primary.query('SELECT id FROM outpost.lineage'))[0]!.id)
    const known = lineage
    const other = randomUUID()
    await rename(other)
    lineage = other
    const refused = { code: 'lineage_refused' }
    const write = () =>
      site.writeMain(async (query) => {
        await query(`INSERT INTO source VALUES ('refused')`)
        return { status: 201, body: null }
      })
    await expect(write()).rejects.toMatchObject(refused)
    await expect(insert('refused')).rejects.toMatchObject(refused)
    await waitFor(async () => (await site.health()).problems.some(({ code }) => code === 'lineage_refused'), {
      what: 'the refusal by the applier',
    })
    await expect(write()).rejects.toMatchObject(refused)
    await expect(insert('refused')).rejects.toMatchObject(refused)
    expect(await cluster.primary.query(`SELECT FROM source WHERE name = 'refused'`)).toEqual([])
    await rename(known)
  })
})
