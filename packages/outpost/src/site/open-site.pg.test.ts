import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type Link, startCluster, startLink, waitFor } from '@outpost/lab'
import { describeEachPostgres } from '@outpost/lab/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { openSite } from './open-site.ts'
import type { Site, SiteDatabase } from './site-api.ts'

const schema = `
CREATE TABLE unit (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL UNIQUE, status text NOT NULL DEFAULT 'running',
  started timestamptz NOT NULL DEFAULT now(), label text GENERATED ALWAYS AS (upper(name)) STORED);
CREATE TABLE file (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), unit_id uuid NOT NULL REFERENCES unit (id), size bigint CHECK (size >= 0));`

describeEachPostgres('a site', (pg) => {
  let cluster: Cluster
  let link: Link
  let folder: string
  let site: Site

  const database = (address: { host: string; port: number }): SiteDatabase => ({
    host: address.host,
    port: address.port,
    user: 'postgres',
    database: 'postgres',
  })
  const open = () =>
    openSite({
      name: 'observatory',
      type: 'secondary',
      main: database(link.endpoint('postgres')),
      local: database(cluster.standby),
      journalPath: folder,
      secretKey: 'a secret of some length',
      retryDelayMs: 100,
      idleIntervalMs: 100,
    })
  const record = async (name: string, options = {}) => {
    const write = site.transaction()
    const unit = write.insert('unit', { name })
    write.insert('file', { unit_id: unit, size: 5 })
    return { id: unit.get('id') as string, receipt: await site.append(write, options) }
  }
  const names = async (pattern: string) =>
    (
      await site.read<{ name: string }>('SELECT name FROM unit WHERE name LIKE $1 ORDER BY name', [pattern])
    ).rows.map((row) => row.name)

  beforeAll(async () => {
    link = await startLink({ forwards: {} })
    cluster = await startCluster({ binaries: pg.binaries, through: link })
    const client = await cluster.primary.connect()
    await migrate(client, [outpostMigrations])
    await client.query(schema)
    await client.end()
    folder = await mkdtemp(join(tmpdir(), 'outpost-site-'))
    site = await open()
  })

  afterAll(async () => {
    await site?.stop()
    await cluster?.stop()
    await link?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('P1, P3: what is recorded reaches main and the replica', async () => {
    const { receipt } = await record('plain')
    await receipt.applied()
    await receipt.replicated()
    expect(await cluster.primary.query('SELECT name, label FROM unit')).toEqual([
      { name: 'plain', label: 'PLAIN' },
    ])
  })

  it('P2, P6: records and reads with the link cut, and drains when it is back', async () => {
    link.cut()
    const { id, receipt } = await record('cut 1')
    const update = site.transaction()
    update.update('unit', { id }, { status: 'completed' })
    await site.append(update)
    const { rows } = await site.read(
      `SELECT u.name, u.status, u.label, count(*)::int AS files FROM public.unit u JOIN file f ON f.unit_id = u.id
       WHERE u.status = 'completed' GROUP BY u.name, u.status, u.label`,
    )
    expect(rows).toEqual([{ name: 'cut 1', status: 'completed', label: 'CUT 1', files: 1 }])
    expect(await site.readRow('unit', { id })).toMatchObject({
      state: 'buffered',
      row: { status: 'completed' },
    })
    expect(receipt.state).toBe('buffered')
    link.restore()
    await receipt.replicated()
    expect(await names('cut%')).toEqual(['cut 1'])
  })

  it('P1, P3: a restart while the link is cut loses and doubles nothing', async () => {
    link.cut()
    await record('restart 1')
    await record('restart 2')
    await site.stop()
    site = await open()
    expect(await names('restart%')).toEqual(['restart 1', 'restart 2'])
    const third = await record('restart 3')
    link.restore()
    await third.receipt.replicated()
    expect(await names('restart%')).toEqual(['restart 1', 'restart 2', 'restart 3'])
    const ledger = await cluster.primary.query(
      'SELECT count(*)::int AS n, count(DISTINCT transaction_id)::int AS d FROM outpost.ledger',
    )
    const units = await cluster.primary.query(
      "SELECT count(*)::int AS n FROM unit WHERE name LIKE 'restart%'",
    )
    expect(ledger[0]?.n).toBe(ledger[0]?.d)
    expect(units[0]?.n).toBe(3)
  })

  it('N22: the same Idempotency-Key stores once, another request is refused', async () => {
    const idempotency = { scope: 's', key: 'k', requestDigest: 'd' }
    const answer = () => ({ status: 201, body: { ok: randomUUID() } })
    const first = await record('once', { idempotency, answer })
    const second = await record('once', { idempotency, answer })
    expect(second.receipt).toMatchObject({ isReplayed: true, answer: first.receipt.answer })
    await expect(
      record('other', { idempotency: { ...idempotency, requestDigest: 'e' } }),
    ).rejects.toMatchObject({
      code: 'idempotency_conflict',
    })
    expect(await names('once')).toEqual(['once'])
  })

  it('P5: a poisoned transaction is rejected, its dependants wait, others go on', async () => {
    const first = await record('poison')
    await first.receipt.applied()
    const poisoned = await record('poison')
    const dependant = site.transaction()
    dependant.update('unit', { id: poisoned.id }, { status: 'x' })
    const waiting = await site.append(dependant)
    const other = await record('healthy')
    await other.receipt.applied()
    await expect(poisoned.receipt.applied()).rejects.toMatchObject({
      code: 'transaction_rejected',
      details: { sqlstate: '23505', constraint: 'unit_name_key' },
    })
    await waitFor(() => waiting.state === 'parked', { what: 'the dependant to be parked' })
    const health = await site.health()
    expect(health.problems.map((problem) => problem.code)).toContain('dead_letters')
  })

  it('N21: a token of a write is honoured, a forged one refused', async () => {
    const { id, receipt } = await record('token')
    expect(await site.readRow('unit', { id }, { token: receipt.token })).toBeDefined()
    await expect(site.read('SELECT 1', [], { token: `${receipt.token}x` })).rejects.toMatchObject({
      code: 'token_invalid',
    })
  })

  it('health tells connected, lag and counts', async () => {
    await waitFor(async () => (await site.health()).replication_lag.current_lag_seconds !== null, {
      what: 'a heartbeat',
    })
    const health = await site.health()
    expect(health).toMatchObject({ database: 'connected', replica: 'connected', can_record: true })
    expect(site.bufferStatistics().failed_transactions).toBe(1)
  })
})
