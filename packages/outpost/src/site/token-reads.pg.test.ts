import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type Link, type PostgresServer, startLink, untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres, startTestCluster, waitFor } from '@outpost/lab/testing'
import type { Client } from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { MainSession } from '../applier/main-session.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { emptyToken } from '../position/token.ts'
import { TokenCodec } from '../position/token-codec.ts'
import { openSiteWith } from './open-site.ts'
import type { Receipt, Site } from './site-api.ts'

const secretKey = 'a secret of some length'

describeEachPostgres('P7: a read with a token of another site', (pg) => {
  let cluster: Cluster
  let toMain: Link
  let toReplica: Link
  let folder: string
  let site: Site
  let institute: { readonly epoch: string; lastSeq: number }
  /** What main's answers to the applier wait for. */
  let answers: Promise<void>
  let letAnswersThrough: () => void
  let holder: Client

  const address = (link: Link) => ({ ...link.endpoint(), user: 'postgres', database: 'postgres' })
  const heldBack = (session: MainSession): MainSession =>
    new Proxy(session, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return async (...values: unknown[]) => {
          const answer = (await Reflect.apply(value, target, values)) as unknown
          if (name === 'apply') await answers
          return answer
        }
      },
    })

  beforeEach(async () => {
    cluster = await startTestCluster(pg, { standbys: 1 })
    toMain = await startLink({ target: { host: '127.0.0.1', port: cluster.primary.port } })
    toReplica = await startLink({ target: { host: '127.0.0.1', port: cluster.standby.port } })
    holder = await cluster.primary.connect()
    await migrate(holder, [outpostMigrations])
    await holder.query(`CREATE TABLE unit (id uuid PRIMARY KEY, name text NOT NULL, note text);
      CREATE TABLE held (id integer PRIMARY KEY)`)
    institute = { epoch: randomUUID(), lastSeq: 0 }
    await holder.query(`INSERT INTO outpost.site (name, epoch) VALUES ('institute', $1)`, [institute.epoch])
    await untilCaughtUp(cluster.standby, cluster.primary)
    folder = await mkdtemp(join(tmpdir(), 'outpost-token-reads-'))
    answers = Promise.resolve()
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
      { sessions: (openSession) => async (signal) => heldBack(await openSession(signal)) },
    )
  })
  afterEach(async () => {
    letAnswersThrough?.()
    await holder.end()
    await site.stop()
    await Promise.all([toMain.stop(), toReplica.stop()])
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const write = async (work: (tx: ReturnType<Site['transaction']>) => void): Promise<Receipt> => {
    const tx = site.transaction()
    work(tx)
    return await site.append(tx)
  }
  const tokenFor = (seq: number) =>
    new TokenCodec(secretKey).encode({
      ...emptyToken,
      seen: [{ site: 'institute', epoch: institute.epoch, seq }],
    })
  /** What the institute's site does on main in one transaction. Answers the token of one who has seen it. */
  const theirs = async (sql: string): Promise<string> => {
    const seq = ++institute.lastSeq
    await cluster.primary.query(`BEGIN; ${sql};
      INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
      VALUES (${seq}, now(), now(), '${institute.epoch}', gen_random_uuid(), gen_random_uuid(), 'institute', 'applied', '');
      COMMIT`)
    return tokenFor(seq)
  }
  const replicaShows = () => untilCaughtUp(cluster.standby, cluster.primary)
  const both = async (id: string, token?: string) => {
    const options = token === undefined ? {} : { token }
    const list = await site.read<{ name: string; note: string | null }>(
      'SELECT name, note FROM unit WHERE name <> $1 ORDER BY name',
      ['another'],
      options,
    )
    const found = await site.readRow('unit', { id }, options)
    const { rows } = await site.read<{ n: number }>('SELECT count(*)::integer AS n FROM unit', [], options)
    return {
      list: list.rows,
      one: found && { name: found.row.name, note: found.row.note },
      count: rows[0]!.n,
      servedBy: list.servedBy,
    }
  }
  const shown = (name: string, note: string | null, servedBy = 'replica') => ({
    list: [{ name, note }],
    one: { name, note },
    count: 1,
    servedBy,
  })
  const hasRow = async (server: PostgresServer, { transactionId }: Receipt) =>
    (await server.query(`SELECT FROM outpost.ledger WHERE transaction_id = '${transactionId}'`)).length > 0

  /** A read under way for as long as `work` lasts: what is confirmed meanwhile stays in the overlay. */
  const duringALongRead = async (work: () => Promise<void>) => {
    const locks = async (isGranted: boolean, mode: string) =>
      (
        await cluster.standby.query(
          `SELECT FROM pg_locks WHERE relation = 'held'::regclass AND granted = $1 AND mode = $2`,
          [isGranted, mode],
        )
      ).length > 0
    await holder.query('BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE')
    await cluster.primary.query('SELECT pg_switch_wal()')
    await waitFor(() => locks(true, 'AccessExclusiveLock'), { what: 'the lock on the replica' })
    const reading = site.read('SELECT count(*) FROM held')
    await waitFor(() => locks(false, 'AccessShareLock'), { what: 'the long read' })
    try {
      await work()
    } finally {
      await holder.query('COMMIT')
      await reading
    }
  }

  it('N21: shows what it made of a row that a long read keeps pending here', async () => {
    await duringALongRead(async () => {
      const id = randomUUID()
      await (await write((tx) => tx.insert('unit', { id, name: 'ours' }))).replicated()
      const token = await theirs(`UPDATE unit SET name = 'theirs' WHERE id = '${id}'`)
      await replicaShows()
      expect(await site.pendingRow('unit', { id })).toMatchObject({ kind: 'insert', state: 'replicated' })
      expect(await both(id, token)).toEqual(shown('theirs', null))
      // Who has not been there sees what this site recorded.
      expect(await both(id)).toEqual(shown('ours', null))
    })
  })

  it('N21: shows what it made of a row whose outcome main has not answered here yet', async () => {
    answers = new Promise((resolve) => {
      letAnswersThrough = resolve
    })
    const id = randomUUID()
    const receipt = await write((tx) => tx.insert('unit', { id, name: 'ours' }))
    await waitFor(() => hasRow(cluster.standby, receipt), { what: 'the transaction on the replica' })
    const token = await theirs(`UPDATE unit SET name = 'theirs' WHERE id = '${id}'`)
    await replicaShows()
    expect(await both(id, token)).toEqual(shown('theirs', null))
    expect((await site.transactionById(receipt.transactionId))?.status.state).toBe('buffered')
    expect(await both(id)).toEqual(shown('ours', null))
  })

  it('N21: shows what it made of a row on main, where the replica is away and confirms nothing', async () => {
    toReplica.cut()
    const id = randomUUID()
    const receipt = await write((tx) => tx.insert('unit', { id, name: 'ours' }))
    await receipt.applied()
    const token = await theirs(`UPDATE unit SET name = 'theirs' WHERE id = '${id}'`)
    expect(await both(id, token)).toEqual(shown('theirs', null, 'main'))
    expect((await site.transactionById(receipt.transactionId))?.status.state).toBe('applied')
  })

  it('N21: shows over it what was recorded here since', async () => {
    await duringALongRead(async () => {
      const id = randomUUID()
      await (await write((tx) => tx.insert('unit', { id, name: 'ours' }))).replicated()
      const token = await theirs(`UPDATE unit SET name = 'theirs' WHERE id = '${id}'`)
      await replicaShows()
      toMain.cut()
      await write((tx) => tx.update('unit', { id }, { note: 'ours again' }))
      expect(await both(id, token)).toEqual(shown('theirs', 'ours again'))
      const other = randomUUID()
      await write((tx) => tx.insert('unit', { id: other, name: 'another' }))
      expect(await both(id, token)).toEqual({ ...shown('theirs', 'ours again'), count: 2 })
      expect((await site.readRow('unit', { id: other }, { token }))?.row.name).toBe('another')
    })
  })

  it('N21: shows no row that it deleted, and one that it made anew', async () => {
    const [deleted, made] = [randomUUID(), randomUUID()]
    await cluster.primary.query(`INSERT INTO unit VALUES ('${made}', 'of main')`)
    await replicaShows()
    await duringALongRead(async () => {
      await write((tx) => tx.insert('unit', { id: deleted, name: 'ours' }))
      await (await write((tx) => tx.delete('unit', { id: made }))).replicated()
      const token = await theirs(
        `DELETE FROM unit WHERE id = '${deleted}'; INSERT INTO unit VALUES ('${made}', 'theirs')`,
      )
      await replicaShows()
      expect(await both(made, token)).toEqual(shown('theirs', null))
      expect(await site.readRow('unit', { id: deleted }, { token })).toBeUndefined()
    })
  })

  it('P6, N21: takes nothing for arrived that has only its number on main', async () => {
    await waitFor(() => site.isMainConnected, { what: 'first contact' })
    toMain.cut()
    const id = randomUUID()
    const receipt = await write((tx) => tx.insert('unit', { id, name: 'ours' }))
    const { record } = (await site.transactionById(receipt.transactionId))!
    // As a copy of the journal writes it, that was restored elsewhere.
    await cluster.primary.query(
      `INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
       VALUES ($1, now(), now(), $2, gen_random_uuid(), gen_random_uuid(), 'observatory', 'applied', '')`,
      [record.seq, record.epoch],
    )
    const token = await theirs('SELECT 1')
    await replicaShows()
    expect(await both(id, token)).toEqual(shown('ours', null))
  })

  it('N21: is not here yet where main has pruned what would tell', async () => {
    await (await write((tx) => tx.insert('unit', { id: randomUUID(), name: 'first' }))).replicated()
    toMain.cut()
    const receipt = await write((tx) => tx.insert('unit', { id: randomUUID(), name: 'ours' }))
    const { record } = (await site.transactionById(receipt.transactionId))!
    await cluster.primary.query(
      `INSERT INTO outpost.epoch (site, epoch, dropped_through) VALUES ('observatory', $1, $2)
       ON CONFLICT (site, epoch) DO UPDATE SET dropped_through = excluded.dropped_through`,
      [record.epoch, record.seq],
    )
    const token = await theirs('SELECT 1')
    await replicaShows()
    await expect(site.read('SELECT 1', [], { token })).rejects.toMatchObject({ code: 'not_here_yet' })
    expect((await site.read('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })

  it('N21: answers no pending row from the journal alone', async () => {
    const id = randomUUID()
    await write((tx) => tx.insert('unit', { id, name: 'ours' }))
    toMain.cut()
    toReplica.cut()
    await expect(site.readRow('unit', { id }, { token: tokenFor(1) })).rejects.toMatchObject({
      code: 'not_here_yet',
    })
    expect((await site.readRow('unit', { id }))?.row.name).toBe('ours')
  })

  it('N21: is refused by the one node it is for, where that lacks what the token names', async () => {
    await cluster.standby.query('SELECT pg_wal_replay_pause()')
    const token = await theirs('SELECT 1')
    await expect(site.read('SELECT 1', [], { token, node: 'replica' })).rejects.toMatchObject({
      code: 'not_here_yet',
      details: { site: 'institute', seq: 1 },
    })
    expect((await site.read('SELECT 1 AS one', [], { token, node: 'main' })).rows).toEqual([{ one: 1 }])
    await cluster.standby.query('SELECT pg_wal_replay_resume()')
  })
})
