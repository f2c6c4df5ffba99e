import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type Link, startLink, untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres, startTestCluster, waitFor } from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { grantSite } from '../ledger/grant-site.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { openSite } from './open-site.ts'
import type { Health, Site, SiteOptions } from './site-api.ts'

describeEachPostgres('what health tells of a site', (pg) => {
  let cluster: Cluster
  let link: Link
  let folder: string
  let site: Site

  const open = async (change: Partial<SiteOptions> = {}) => {
    const reach = { user: 'postgres', database: 'postgres' }
    site = await openSite({
      name: 'observatory',
      type: 'secondary',
      main: { ...link.endpoint(), ...reach },
      local: { host: cluster.standby.host, port: cluster.standby.port, ...reach },
      journalPath: folder,
      secretKey: 'a secret of some length',
      idleIntervalMs: 100,
      ...change,
    })
  }
  beforeEach(async () => {
    cluster = await startTestCluster(pg)
    link = await startLink({ target: { host: cluster.primary.host, port: cluster.primary.port } })
    const client = await cluster.primary.connect()
    await migrate(client, [outpostMigrations])
    await client.query('CREATE TABLE unit (id uuid PRIMARY KEY, name text NOT NULL)')
    await client.end()
    await untilCaughtUp(cluster.standby, cluster.primary)
    folder = await mkdtemp(join(tmpdir(), 'outpost-health-'))
  })
  afterEach(async () => {
    link.restore()
    await site.stop()
    await link.stop()
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const until = async (what: string, isSo: (health: Health) => boolean) => {
    const seen = async () => {
      const health = await site.health()
      return isSo(health) ? health : undefined
    }
    return await waitFor(seen, { what, deadlineMs: 20_000 })
  }
  const isHealthy = ({ status }: Health) => status === 'healthy'
  const problem = ({ problems }: Health, code: string) => problems.find((each) => each.code === code)

  it('P2: a half-open link is told within seconds, with the age of the last answer, and recording goes on', async () => {
    await open()
    const before = await until('health', isHealthy)
    expect(before.main_contact_age_seconds).toBeLessThan(5.2)
    link.halfOpen()
    const silent = await until('the silence', ({ database }) => database === 'unreachable')
    // Sooner than any query's own deadline ends: the connection still stands.
    expect(problem(silent, 'main_unreachable')?.message).toContain('the connection stands')
    expect(silent.main_contact_age_seconds).toBeGreaterThanOrEqual(5)
    expect(site.isMainConnected).toBe(false)
    const write = site.transaction()
    write.insert('unit', { id: randomUUID(), name: 'recorded in silence' })
    const receipt = await site.append(write)
    link.restore()
    await receipt.applied()
    const { main_contact_age_seconds: age } = await until('contact', isHealthy)
    expect(age).toBeLessThan(5.2)
  })

  it('N11: a main that is sent nothing on purpose is not called unreachable', async () => {
    await open()
    await until('health', isHealthy)
    await cluster.primary.query('ALTER TABLE unit RENAME TO renamed')
    for (let n = 0; n < 10; n += 1) {
      const write = site.transaction()
      write.insert('unit', { id: randomUUID(), name: `rejected ${n}` })
      await site.append(write)
    }
    await until('the stop', (health) => problem(health, 'rejections') !== undefined)
    const later = await until('a long silence', (health) => Number(health.main_contact_age_seconds) > 5.2)
    expect(later.database).toBe('connected')
    expect(later.problems.map(({ code }) => code).sort()).toEqual(['dead_letters', 'rejections'])
    // Nobody waits there for what is not sent.
    expect(site.isMainConnected).toBe(false)
  })

  it('N15: a replica that has not met the present main is told after a moment, until it has', async () => {
    await cluster.standby.query('SELECT pg_wal_replay_pause()')
    await open()
    const behind = await until(
      'the replica behind',
      (health) => problem(health, 'replica_behind') !== undefined,
    )
    expect(behind).toMatchObject({ status: 'degraded', replica: 'connected' })
    await cluster.standby.query('SELECT pg_wal_replay_resume()')
    await until('health', isHealthy)
  })

  it('N11: a stuck transaction is told with its number until it is settled', async () => {
    await cluster.primary.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'the disk of main is slow' USING ERRCODE = '58030'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON unit FOR EACH ROW EXECUTE FUNCTION refuse()`)
    await open()
    const write = site.transaction()
    write.insert('unit', { id: randomUUID(), name: 'refused for now' })
    const { seq } = await site.append(write)
    const stuck = await until('a stuck transaction', (health) => problem(health, 'stuck') !== undefined)
    expect(problem(stuck, 'stuck')?.message).toContain(`seq ${seq}`)
    expect(stuck.problems.map(({ code }) => code)).toEqual(['stuck'])
    await site.stop()
    await open()
    expect(problem(await site.health(), 'stuck')).toBeDefined()
    // A restart tries it at once.
    await cluster.primary.query('DROP TRIGGER refuse ON unit')
    await until('health', isHealthy)
  })

  it('N2: a fenced epoch is told, though it heals by itself', async () => {
    await open()
    const { epoch } = (await until('health', isHealthy)).site
    await cluster.primary.query(
      `INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
       VALUES (1, now(), now(), $1, gen_random_uuid(), gen_random_uuid(), 'observatory', 'applied', '')`,
      [epoch],
    )
    const write = site.transaction()
    write.insert('unit', { id: randomUUID(), name: 'under a new epoch' })
    await (await site.append(write)).replicated()
    const fenced = problem(await site.health(), 'epoch_fenced')
    expect(fenced?.message).toMatch(/\d s ago\)$/)
    expect(fenced?.hint).toContain('restored copy')
  })

  it('N13: a standby that main does not know, or hides, is told with what to do', async () => {
    const { name } = cluster.standby
    await open({ promotableStandbys: [name, 'bonn'] })
    // At first there is no contact either.
    const only = (code: string) => (health: Health) =>
      health.problems.length === 1 && problem(health, code) !== undefined
    const unknown = await until('the standby', only('standby_unknown'))
    expect(unknown.problems[0]).toMatchObject({
      message: expect.stringContaining('no standby bonn, which'),
      hint: expect.stringContaining('application_name'),
    })
    await site.stop()

    const client = await cluster.primary.connect()
    await client.query('CREATE ROLE far LOGIN')
    await grantSite(client, { role: 'far', site: 'observatory', tables: ['public.unit'] })
    await client.query('CREATE ROLE blind; ALTER FUNCTION outpost.standby_positions OWNER TO blind')
    await client.end()
    const main = { ...link.endpoint(), user: 'far', database: 'postgres' }
    await open({ main, promotableStandbys: [name] })
    await until('what is hidden', only('standby_hidden'))
    await cluster.primary.query('GRANT pg_read_all_stats TO blind')
    await until('health', isHealthy)
  })

  it('P11: says why the replica refuses the site, and what to do about it', async () => {
    await open()
    await until('a healthy site', isHealthy)
    const admin = await cluster.standby.connect()
    const hba = join(cluster.standby.dataDirectory, 'pg_hba.conf')
    const before = await readFile(hba, 'utf8')
    await writeFile(hba, 'host all all all reject\n')
    await admin.query('SELECT pg_reload_conf()')
    await admin.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = current_user',
    )
    const refused = await until(
      'the refusal',
      (health) => problem(health, 'replica_unreachable')?.message.includes('SQLSTATE') === true,
    )
    expect(problem(refused, 'replica_unreachable')).toMatchObject({
      message: 'The local replica does not answer: it refuses the login (SQLSTATE 28000).',
      hint: expect.stringContaining('pg_hba.conf'),
    })
    await writeFile(hba, before)
    await admin.query('SELECT pg_reload_conf()')
    await admin.end()
    await until('a healthy site again', isHealthy)
  })
})
