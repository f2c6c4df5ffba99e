import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type PostgresServer, untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres, startTestCluster, waitFor } from '@outpost/lab/testing'
import type { Client } from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { MainSession } from '../applier/main-session.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { openSiteWith } from './open-site.ts'
import type { Receipt, Site } from './site-api.ts'

describeEachPostgres('a read during which main moves on', (pg) => {
  let cluster: Cluster
  let folder: string
  let site: Site | undefined
  let calls: Promise<void>
  let letCallsThrough: () => void
  /** Holds a table on main that the read names, so that its snapshot is taken when the test wants it. */
  let holder: Client

  beforeEach(async () => {
    cluster = await startTestCluster(pg)
    holder = await cluster.primary.connect()
    await migrate(holder, [outpostMigrations])
    await holder.query(`
      CREATE TABLE unit (id uuid PRIMARY KEY, status text NOT NULL);
      CREATE TABLE file (id uuid PRIMARY KEY, unit_id uuid NOT NULL REFERENCES unit);
      CREATE TABLE held (id integer PRIMARY KEY)`)
    await untilCaughtUp(cluster.standby, cluster.primary)
    folder = await mkdtemp(join(tmpdir(), 'outpost-overtaken-'))
    calls = Promise.resolve()
  })
  afterEach(async () => {
    letCallsThrough?.()
    await site?.stop()
    await holder.end()
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const at = ({ host, port }: PostgresServer) => ({ host, port, user: 'postgres', database: 'postgres' })
  const open = async (type: 'main' | 'secondary') => {
    const held = (session: MainSession): MainSession =>
      new Proxy(session, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name)
          if (typeof value !== 'function') return value
          return async (...values: unknown[]) => {
            if (name === 'apply') await calls
            return (await Reflect.apply(value, target, values)) as unknown
          }
        },
      })
    return await openSiteWith(
      {
        name: 'observatory',
        type,
        main: at(cluster.primary),
        ...(type === 'secondary' && { local: at(cluster.standby) }),
        journalPath: folder,
        secretKey: 'a secret of some length',
        idleIntervalMs: 100,
      },
      { sessions: (openSession) => async (signal) => held(await openSession(signal)) },
    )
  }
  const holdCalls = () => {
    calls = new Promise((resolve) => {
      letCallsThrough = resolve
    })
  }

  it.each(['secondary', 'main'] as const)(
    'N16: shows a transaction as a whole or not at all at a %s site',
    async (type) => {
      site = await open(type)
      const node = type === 'main' ? cluster.primary : cluster.standby
      const locks = async (isGranted: boolean) =>
        (
          await node.query(
            `SELECT FROM pg_locks WHERE relation = 'held'::regclass AND granted = $1 AND mode = $2`,
            [isGranted, isGranted ? 'AccessExclusiveLock' : 'AccessShareLock'],
          )
        ).length > 0
      const id = randomUUID()
      const record = async (fill: (write: ReturnType<Site['transaction']>) => void): Promise<Receipt> => {
        const write = site!.transaction()
        fill(write)
        return await site!.append(write)
      }
      holdCalls()
      await record((write) => write.insert('unit', { id, status: 'running' }))
      await holder.query('BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE')
      // No commit flushes the lock's record.
      await cluster.primary.query('SELECT pg_switch_wal()')
      await waitFor(() => locks(true), { what: 'the lock on the node' })
      const reading = site.read<{ status: string; files: string }>(
        `SELECT status, (SELECT count(*) FROM file WHERE unit_id = unit.id) AS files, (SELECT count(*) FROM held)
         FROM unit WHERE id = $1`,
        [id],
      )
      await waitFor(() => locks(false), { what: 'the read waiting for its snapshot' })
      const finished = await record((write) => {
        write.update('unit', { id }, { status: 'completed' })
        write.insert('file', { id: randomUUID(), unit_id: id })
      })
      letCallsThrough()
      await finished.replicated()
      await holder.query('COMMIT')
      const { rows, servedBy } = await reading
      expect({ ...rows[0], servedBy }).toMatchObject({
        status: 'completed',
        files: '1',
        servedBy: type === 'main' ? 'main' : 'replica',
      })
    },
  )
})
