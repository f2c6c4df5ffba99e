import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type Link, startLink, untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres, startTestCluster, waitFor } from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { openSite } from './open-site.ts'
import type { Receipt, Site } from './site-api.ts'

const schema = `
  CREATE TABLE parent (id integer PRIMARY KEY, note text);
  INSERT INTO parent VALUES (1), (3);
  CREATE TABLE unit (id integer PRIMARY KEY, name text NOT NULL UNIQUE, a integer REFERENCES parent, b integer REFERENCES parent);
  INSERT INTO unit VALUES (1, 'a', 1);
  CREATE TABLE watched (id integer PRIMARY KEY, parent_id integer REFERENCES parent, amount integer CHECK (amount > 0));
  CREATE TABLE seen (number integer GENERATED ALWAYS AS IDENTITY, id integer);
  CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO public.seen (id) VALUES (new.id); RETURN new; END $$;
  CREATE TRIGGER see AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION see()`

describeEachPostgres('the order of what waits', (pg) => {
  let cluster: Cluster
  let toMain: Link
  let folder: string
  let site: Site

  beforeEach(async () => {
    cluster = await startTestCluster(pg, { standbys: 1 })
    toMain = await startLink({ target: { host: '127.0.0.1', port: cluster.primary.port } })
    const client = await cluster.primary.connect()
    await migrate(client, [outpostMigrations])
    await client.query(schema)
    await client.end()
    await untilCaughtUp(cluster.standby, cluster.primary)
    folder = await mkdtemp(join(tmpdir(), 'outpost-order-'))
    const database = 'postgres'
    site = await openSite({
      name: 'observatory',
      type: 'secondary',
      main: { ...toMain.endpoint(), user: 'postgres', database },
      local: { host: '127.0.0.1', port: cluster.standby.port, user: 'postgres', database },
      journalPath: folder,
      secretKey: 'a secret of some length',
      retryDelayMs: 1_000,
      idleIntervalMs: 100,
    })
  })
  afterEach(async () => {
    await site.stop()
    await toMain.stop()
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const write = async (work: (tx: ReturnType<Site['transaction']>) => void): Promise<Receipt> => {
    const tx = site.transaction()
    work(tx)
    return await site.append(tx)
  }
  const statusOf = async ({ transactionId }: Receipt) => (await site.transactionById(transactionId))!.status
  const untilTried = (receipt: Receipt) =>
    waitFor(async () => ((await statusOf(receipt)).attempts ?? 0) > 0, { what: 'the first attempt' })
  const untilState = (receipt: Receipt, state: string) =>
    waitFor(async () => (await statusOf(receipt)).state === state, {
      what: `state ${state}`,
      deadlineMs: 15_000,
    })
  const bringParent = () => cluster.primary.query('INSERT INTO parent VALUES (2)')

  it.each(['one batch', 'several'])(
    'N10: a name that an update frees unnamed is taken after it, in %s',
    async (batches) => {
      if (batches === 'one batch') toMain.cut()
      const freeing = await write((tx) => tx.update('unit', { id: 1 }, { name: 'b', a: 2 }))
      if (batches === 'several') await untilTried(freeing)
      const taking = await write((tx) => tx.insert('unit', { id: 2, name: 'a' }))
      const other = await write((tx) => tx.insert('watched', { id: 1, parent_id: 1, amount: 1 }))
      toMain.restore()
      await other.applied()
      expect((await statusOf(taking)).state).toBe('buffered')
      await bringParent()
      await taking.applied()
      expect(await cluster.primary.query('SELECT id, name FROM unit ORDER BY id')).toEqual([
        { id: 1, name: 'b' },
        { id: 2, name: 'a' },
      ])
    },
  )

  it.each(['one batch', 'several'])(
    'N10: what a trigger does is done in the order of the journal, in %s',
    async (batches) => {
      if (batches === 'one batch') toMain.cut()
      const first = await write((tx) => tx.insert('watched', { id: 1, parent_id: 2, amount: 1 }))
      if (batches === 'several') await untilTried(first)
      const second = await write((tx) => tx.insert('watched', { id: 2, parent_id: 1, amount: 1 }))
      const other = await write((tx) => tx.insert('unit', { id: 2, name: 'c' }))
      toMain.restore()
      await other.applied()
      await bringParent()
      await second.applied()
      expect(await cluster.primary.query('SELECT id FROM seen ORDER BY number')).toEqual([
        { id: 1 },
        { id: 2 },
      ])
    },
  )

  it('N10, P5: what main refuses in the common lane holds nothing else there back', async () => {
    toMain.cut()
    const wrong = await write((tx) => tx.insert('watched', { id: 1, parent_id: 1, amount: 0 }))
    const good = await write((tx) => tx.insert('watched', { id: 2, parent_id: 1, amount: 1 }))
    const lost = await write((tx) => tx.insert('watched', { id: 3, parent_id: 4, amount: 1 }))
    const late = await write((tx) => tx.insert('watched', { id: 4, parent_id: 1, amount: 1 }))
    toMain.restore()
    await good.applied()
    await untilState(wrong, 'rejected')
    await late.applied({ timeoutMs: 15_000 })
    await untilState(lost, 'rejected')
  })

  it.each(['one batch', 'several'])(
    'N9, P4: a row that a waiting transaction refers to is deleted after that, in %s',
    async (batches) => {
      if (batches === 'one batch') toMain.cut()
      const elder = await write((tx) => tx.insert('unit', { id: 2, name: 'c', a: 3, b: 2 }))
      const newer = await write((tx) => tx.insert('unit', { id: 3, name: 'd', a: 3 }))
      if (batches === 'several') {
        await newer.applied()
        await untilTried(elder)
      }
      const gone = await write((tx) => {
        tx.delete('unit', { id: 3 }, { old: { name: 'd', a: 3, b: null } })
        tx.delete('parent', { id: 3 })
      })
      const other = await write((tx) => tx.insert('watched', { id: 1, parent_id: 1, amount: 1 }))
      toMain.restore()
      await other.applied()
      expect((await statusOf(gone)).state).not.toBe('applied')
      await bringParent()
      await elder.applied()
      // Main refuses it now, as it would have done without a link between them: the elder one stands.
      await untilState(gone, 'rejected')
      expect(await cluster.primary.query('SELECT id FROM unit ORDER BY id')).toEqual([
        { id: 1 },
        { id: 2 },
        { id: 3 },
      ])
    },
  )

  it('P5: a change of a row goes on while something that refers to the row waits', async () => {
    const waiting = await write((tx) => tx.insert('unit', { id: 2, name: 'c', a: 3, b: 2 }))
    await untilTried(waiting)
    await (await write((tx) => tx.update('parent', { id: 3 }, { note: 'seen' }))).applied()
    expect((await statusOf(waiting)).state).toBe('buffered')
    await bringParent()
    await waiting.applied()
  })
})
