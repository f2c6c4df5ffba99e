import { randomUUID } from 'node:crypto'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type Link, startLink, untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres, startTestCluster, waitFor } from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Journal } from '../journal/journal.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { emptyToken } from '../position/token.ts'
import { TokenCodec } from '../position/token-codec.ts'
import { openSiteWith, type SiteSeams } from './open-site.ts'
import type { Receipt, Site } from './site-api.ts'

const secretKey = 'a secret of some length'

describeEachPostgres('a site between nodes that differ', (pg) => {
  let cluster: Cluster
  let toMain: Link
  let toReplica: Link
  let folder: string
  let site: Site

  const address = (link: Link) => ({ ...link.endpoint(), user: 'postgres', database: 'postgres' })
  const open = async (seams: SiteSeams = {}) => {
    site = await openSiteWith(
      {
        name: 'observatory',
        type: 'secondary',
        main: address(toMain),
        local: address(toReplica),
        journalPath: folder,
        secretKey,
        retryDelayMs: 50,
        idleIntervalMs: 100,
      },
      seams,
    )
  }
  const record = async (name: string, id: string = randomUUID()): Promise<Receipt & { id: string }> => {
    const write = site.transaction()
    write.insert('unit', { id, name })
    return Object.assign(await site.append(write), { id })
  }
  const change = async (id: string, name: string): Promise<Receipt> => {
    const write = site.transaction()
    write.update('unit', { id }, { name })
    return await site.append(write)
  }
  const names = async () =>
    (await site.read<{ name: string }>('SELECT name FROM unit ORDER BY name')).rows.map(({ name }) => name)

  beforeEach(async () => {
    cluster = await startTestCluster(pg, { standbys: 2 })
    toMain = await startLink({ target: { host: '127.0.0.1', port: cluster.primary.port } })
    toReplica = await startLink({ target: { host: '127.0.0.1', port: cluster.standby.port } })
    const client = await cluster.primary.connect()
    await migrate(client, [outpostMigrations])
    await client.query('CREATE TABLE unit (id uuid PRIMARY KEY, name text NOT NULL)')
    await client.end()
    folder = await mkdtemp(join(tmpdir(), 'outpost-rules-'))
    await open()
    // All have main's lineage row and one transaction before a test sets them apart.
    await (await record('first')).replicated()
    for (const standby of cluster.standbys) await untilCaughtUp(standby, cluster.primary)
  })
  afterEach(async () => {
    await site.stop()
    await toMain.stop()
    await toReplica.stop()
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  })

  /** One standby has shown everything; then the site's replica is another one, which lags, and main is away. */
  const moveToLaggingReplica = () => {
    toMain.cut()
    toReplica.setTarget('default', { host: '127.0.0.1', port: cluster.standbys[1]!.port })
  }
  /** Connections to the former replica are gone: the next read may find out first. */
  const untilReadable = () =>
    waitFor(async () => await site.read('SELECT 1').catch(() => undefined), {
      what: 'the other replica answering',
    })

  it('N2: what stands in the ledger under an epoch that was fenced, and what went under another, is confirmed and proven', async () => {
    const [ledger] = await cluster.primary.query('SELECT epoch FROM outpost.ledger WHERE seq = 1')
    toMain.cut()
    const [second, third] = [await record('second'), await record('third')]
    // A restored copy of the journal had used the third number before.
    await cluster.primary.query(
      `INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
       VALUES (3, now(), now(), $1, gen_random_uuid(), gen_random_uuid(), 'observatory', 'applied', '')`,
      [ledger!.epoch],
    )
    toMain.restore()
    await Promise.all([second.replicated(), third.replicated()])
    const rows = await cluster.primary.query(
      'SELECT seq::int, epoch FROM outpost.ledger WHERE transaction_id = ANY ($1) ORDER BY seq',
      [[second.transactionId, third.transactionId]],
    )
    expect(rows).toEqual([
      { seq: 2, epoch: ledger!.epoch },
      { seq: 3, epoch: expect.not.stringMatching(String(ledger!.epoch)) },
    ])
    const servedWithoutPuttingBack = { servedBy: 'replica', why: 'replica covers everything needed' }
    expect(await site.read('SELECT name FROM unit')).toMatchObject(servedWithoutPuttingBack)
    await site.stop()
    await open()
    expect(await site.read('SELECT name FROM unit')).toMatchObject(servedWithoutPuttingBack)
    expect(await names()).toEqual(['first', 'second', 'third'])
  })

  it('N14: what a restored copy of the journal has pending, and main has pruned, is confirmed and leaves the overlay', async () => {
    toMain.cut()
    const old = await record('old')
    await site.stop()
    const copy = `${folder}-copy`
    await cp(folder, copy, { recursive: true })
    await open()
    toMain.restore()
    await waitFor(
      async () => (await site.transactionById(old.transactionId))?.status.state === 'replicated',
      {
        what: 'the transaction on the replica',
      },
    )
    await site.stop()
    await rm(folder, { recursive: true })
    folder = copy
    // As `outpost.prune` does when the site has dropped both.
    await cluster.primary.query('UPDATE outpost.epoch SET dropped_through = 2 WHERE dropped_through < 2')
    await cluster.primary.query('DELETE FROM outpost.ledger')
    await cluster.primary.query(`UPDATE unit SET name = 'new' WHERE id = $1`, [old.id])
    await open()
    const isConfirmed = async () =>
      ['replicated', 'retained'].includes((await site.transactionById(old.transactionId))!.status.state)
    await waitFor(isConfirmed, { what: 'its confirmation' })
    expect(await names()).toEqual(['first', 'new'])
  })

  it('N17: what one replica had shown is not missed on another that lags', async () => {
    await cluster.standbys[1]!.query('SELECT pg_wal_replay_pause()')
    await (await record('confirmed')).replicated()
    expect(await names()).toEqual(['confirmed', 'first'])
    moveToLaggingReplica()
    await untilReadable()
    expect(await names()).toEqual(['confirmed', 'first'])
    await record('later')
    expect(await names()).toEqual(['confirmed', 'first', 'later'])
  })

  it('N17: nor after a restart', async () => {
    await cluster.standbys[1]!.query('SELECT pg_wal_replay_pause()')
    await (await record('confirmed')).replicated()
    await site.stop()
    moveToLaggingReplica()
    await open()
    expect(await names()).toEqual(['confirmed', 'first'])
  })

  it('P11, N17: what main has is released where the replica is gone, and is not missed when it comes back behind', async () => {
    await cluster.standby.query('SELECT pg_wal_replay_pause()')
    await expect(site.releaseUnconfirmed()).rejects.toMatchObject({ code: 'release_refused' })
    toReplica.cut()
    const receipt = await record('released')
    await receipt.applied()
    await waitFor(async () => (await site.health()).replica === 'unreachable', {
      what: 'the replica is missed',
    })
    expect(await site.releaseUnconfirmed()).toBe(1)
    expect(await site.releaseUnconfirmed()).toBe(0)
    expect(receipt.state).not.toBe('applied')
    expect(await site.read('SELECT name FROM unit')).toMatchObject({ servedBy: 'main' })
    expect(await names()).toEqual(['first', 'released'])
    toReplica.restore()
    toMain.cut()
    await untilReadable()
    expect(await names()).toEqual(['first', 'released'])
    await cluster.standby.query('SELECT pg_wal_replay_resume()')
    expect(await names()).toEqual(['first', 'released'])
  })

  it('N15: a replica off the lineage of main confirms nothing, and rows that main lost stay visible', async () => {
    const [branch, next] = cluster.standbys
    await (await record('kept')).replicated()
    await next!.stop()
    await (await record('lost')).replicated()
    // Main and the site's replica are on a branch of their own; another standby takes over.
    await cluster.primary.stop('immediate')
    await next!.start()
    await next!.promote()
    toMain.setTarget('default', { host: '127.0.0.1', port: next!.port })
    const later = await record('later')
    await later.applied()
    expect(branch!.isRunning).toBe(true)
    expect(await names()).toEqual(['first', 'kept', 'later', 'lost'])
    expect(later.state).toBe('applied')
    toMain.cut()
    expect(await names()).toEqual(['first', 'kept', 'later', 'lost'])
    toMain.restore()
    await cluster.rebuild(branch!, next!)
    await later.replicated()
    expect(await names()).toEqual(['first', 'kept', 'later', 'lost'])
    // The server of the lost branch comes back as the replica, with main away: what it never had stays over it.
    await cluster.primary.start()
    toMain.cut()
    toReplica.setTarget('default', { host: '127.0.0.1', port: cluster.primary.port })
    await untilReadable()
    expect(await names()).toEqual(['first', 'kept', 'later', 'lost'])
  })

  it('N20: a refused change stays visible with its state, but an insert whose key main has gives way', async () => {
    const id = randomUUID()
    await cluster.primary.query(`INSERT INTO unit (id, name) VALUES ($1, 'of main')`, [id])
    const refused = await record('refused', id)
    await expect(refused.applied()).rejects.toMatchObject({ code: 'transaction_rejected' })
    await waitFor(async () => (await names()).includes('of main'), { what: 'the row on the replica' })
    expect(await names()).toEqual(['first', 'of main'])
    expect((await site.readRow('unit', { id }))?.row.name).toBe('of main')
    const lone = await change(randomUUID(), 'nobody')
    await expect(lone.applied()).rejects.toMatchObject({ code: 'transaction_rejected' })
    expect(site.bufferStatistics().failed_transactions).toBe(2)
  })

  it('N20: a refused change stays visible after a restart', async () => {
    const id = randomUUID()
    await cluster.primary.query(`INSERT INTO unit (id, name) VALUES ($1, 'of main')`, [id])
    await waitFor(async () => (await names()).includes('of main'), { what: 'the row on the replica' })
    const write = site.transaction()
    write.update('unit', { id }, { name: 'changed' })
    write.update('unit', { id: randomUUID() }, { name: 'nobody' })
    await expect((await site.append(write)).applied()).rejects.toMatchObject({ code: 'transaction_rejected' })
    expect(await names()).toEqual(['changed', 'first'])
    await site.stop()
    await open()
    expect(await names()).toEqual(['changed', 'first'])
    expect(site.rowState('unit', { id })).toBe('rejected')
  })

  it('N21: a row that no database can vouch for is not said to be absent', async () => {
    expect(await site.readRow('unit', { id: randomUUID() })).toBeUndefined()
    toMain.cut()
    toReplica.cut()
    await expect(site.readRow('unit', { id: randomUUID() })).rejects.toMatchObject({ code: 'not_here_yet' })
    const { id } = await record('pending')
    expect((await site.readRow('unit', { id }))?.row.name).toBe('pending')
  })

  it("N21: a token of another site's record is waited for briefly, then refused as not here yet", async () => {
    const seen = { site: 'institute', epoch: randomUUID(), seq: 7 }
    const token = new TokenCodec(secretKey).encode({ ...emptyToken, seen: [seen] })
    await expect(site.read('SELECT 1', [], { token })).rejects.toMatchObject({ code: 'not_here_yet' })
    const waiting = site.read<{ one: number }>('SELECT 1 AS one', [], { token })
    await cluster.primary.query(
      `INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
       VALUES (7, now(), now(), $1, gen_random_uuid(), gen_random_uuid(), 'institute', 'applied', '')`,
      [seen.epoch],
    )
    expect((await waiting).rows).toEqual([{ one: 1 }])
  })

  it("N22: a client's own id that is pending already is refused, and the first record stays", async () => {
    toMain.cut()
    const { id } = await record('recorded')
    await expect(record('again', id)).rejects.toMatchObject({ code: 'already_recorded' })
    expect((await site.readRow('unit', { id }))?.row.name).toBe('recorded')
  })

  it('N23: each read first folds what another process has appended', async () => {
    await site.stop()
    let others: (() => Promise<unknown>)[] = []
    // Stands for a second process on the journal: its records become known when the journal is caught up with.
    await open({
      journal: (journal) => withCatchUp(journal, async () => void (await others.shift()?.())),
    })
    const first = await record('own')
    others = [() => record('by another process')]
    expect(await names()).toEqual(['by another process', 'first', 'own'])
    others = [() => change(first.id, 'changed by another process')]
    expect((await site.readRow('unit', { id: first.id }))?.row.name).toBe('changed by another process')
  })
})

function withCatchUp(journal: Journal, catchUp: () => Promise<void>): Journal {
  return new Proxy(journal, {
    get: (target, name) => {
      if (name === 'catchUp') return catchUp
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
