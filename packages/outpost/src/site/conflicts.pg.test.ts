import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type Link, startLink } from '@outpost/lab'
import { describeEachPostgres, startTestCluster, waitFor } from '@outpost/lab/testing'
import { fastify } from 'fastify'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Clock, systemClock } from '../clock/clock.ts'
import { outpostPlugin } from '../fastify/outpost-plugin.ts'
import { type PolicyDeclaration, setConflictPolicy } from '../ledger/conflict-policies.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { openSiteWith } from './open-site.ts'
import type { Receipt, Site } from './site-api.ts'

const id = '0193a1c2-7d3e-7000-8000-000000000001'

/** Two secondary sites, each with a replica of its own, and lines to main that can be cut. */
describeEachPostgres('two sites that change the same observation during a partition', (pg) => {
  let cluster: Cluster
  let lines: Link[]
  let folders: string[]
  let sites: Site[]
  let aheadMs: number[]

  beforeEach(async () => {
    ;[lines, folders, sites, aheadMs] = [[], [], [], [0, 0]]
    cluster = await startTestCluster(pg, { standbys: 2 })
    const client = await cluster.primary.connect()
    await migrate(client, [outpostMigrations])
    await client.query(`
      CREATE TABLE observation (id uuid PRIMARY KEY, status text NOT NULL, seeing numeric, notes text);
      INSERT INTO observation VALUES ('${id}', 'running', 0.7, 'as planned');
      CREATE FUNCTION worst_seeing(t text, key jsonb, base jsonb, mine jsonb, theirs jsonb) RETURNS jsonb LANGUAGE sql AS $$
        SELECT mine || jsonb_build_object('seeing', greatest((mine->>'seeing')::numeric, (theirs->>'seeing')::numeric))
      $$`)
    await client.end()
  })
  afterEach(async () => {
    await Promise.all(sites.map((site) => site.stop()))
    await Promise.all(lines.map((line) => line.stop()))
    await cluster.stop()
    for (const folder of folders) await rm(folder, { recursive: true, force: true })
  })

  const clockOf = (index: number): Clock => ({ ...systemClock, nowMs: () => Date.now() + aheadMs[index]! })
  const open = async (index: number): Promise<Site> => {
    const folder = folders[index] ?? (await mkdtemp(join(tmpdir(), 'outpost-conflicts-')))
    folders[index] = folder
    lines[index] ??= await startLink({ target: { host: '127.0.0.1', port: cluster.primary.port } })
    const place = { user: 'postgres', database: 'postgres' }
    const site = await openSiteWith(
      {
        name: ['observatory', 'institute'][index]!,
        type: 'secondary',
        main: { ...lines[index].endpoint(), ...place },
        local: { host: '127.0.0.1', port: cluster.standbys[index]!.port, ...place },
        journalPath: folder,
        secretKey: 'a secret of some length',
        retryDelayMs: 50,
        idleIntervalMs: 100,
      },
      { clock: clockOf(index) },
    )
    sites[index] = site
    return site
  }
  const declared = async (policy: PolicyDeclaration | undefined) => {
    const client = await cluster.primary.connect()
    if (policy !== undefined) await setConflictPolicy(client, 'public.observation', policy)
    await client.end()
    for (const standby of cluster.standbys)
      await waitFor(
        async () => {
          const [row] = await standby.query('SELECT count(*)::int AS n FROM outpost.conflict_policy')
          return row!.n === (policy === undefined ? 0 : 1)
        },
        { what: 'the policy on a replica' },
      )
    return [await open(0), await open(1)] as const
  }
  const change = async (site: Site, set: object, seen?: object): Promise<Receipt> => {
    const write = site.transaction()
    write.update('observation', { id }, { ...set }, seen ? { seen: { ...seen } } : {})
    return await site.append(write)
  }
  const readAt = async (site: Site) =>
    (await site.read('SELECT status, seeing::float, notes FROM observation')).rows[0]
  const onMain = async () =>
    (await cluster.primary.query('SELECT status, seeing::float, notes FROM observation'))[0]
  /** Both are cut off, change the row, see their own change, and come back one after the other. */
  const partition = async (first: object, second: object, seen?: object) => {
    for (const line of lines) line.cut()
    const receipts = [await change(sites[0]!, first, seen), await change(sites[1]!, second, seen)] as const
    expect([await readAt(sites[0]!), await readAt(sites[1]!)]).toMatchObject([first, second])
    for (const [index, receipt] of receipts.entries()) {
      lines[index]!.restore()
      await waitFor(() => receipt.state !== 'buffered', { what: 'an answer of main', deadlineMs: 20_000 })
    }
    return receipts
  }
  const untilEqual = async () => {
    for (const site of sites)
      await waitFor(async () => JSON.stringify(await readAt(site)) === JSON.stringify(await onMain()), {
        what: `${site.name} reading what main has`,
      })
  }

  it('N24: column merge: both columns stand, the same everywhere', async () => {
    await declared(undefined)
    await partition({ status: 'completed' }, { notes: 'clouds' })
    await untilEqual()
    expect(await onMain()).toEqual({ status: 'completed', seeing: 0.7, notes: 'clouds' })
  })

  it('N24: compare and set: the second is a dead letter that shows base, mine and theirs', async () => {
    await declared('compare_and_set')
    const seen = { status: 'running' }
    const [first, second] = await partition({ status: 'completed' }, { status: 'aborted' }, seen)
    expect([first.state === 'rejected', second.state]).toEqual([false, 'rejected'])
    expect(await onMain()).toMatchObject({ status: 'completed' })
    const view = await sites[1]!.transactionById(second.transactionId)
    expect(view?.status).toMatchObject({ sqlstate: 'OP006' })
    expect(view?.record.operations).toMatchObject([{ seen: { status: 'running' } }])
    // Its user has looked at what main has, and still wants it.
    const patch = [{ op: 'replace', path: '/0/seen/status', value: 'completed' }]
    await (await sites[1]!.deadLetters.edit(second.transactionId, patch)).receipt.applied()
    await untilEqual()
    expect(await onMain()).toMatchObject({ status: 'aborted' })
  })

  it('N24: last writer: the later one stands wherever it comes from, in the order of the clocks and not of the arrival', async () => {
    await declared('last_writer')
    // The institute writes second by its hand, and arrives second, but its clock is an hour behind.
    aheadMs[1] = -3_600_000
    const [, second] = await partition(
      { status: 'completed', seeing: 1 },
      { status: 'aborted', notes: 'clouds' },
    )
    await untilEqual()
    expect(await onMain()).toEqual({ status: 'completed', seeing: 1, notes: 'clouds' })
    expect((await sites[1]!.transactionById(second.transactionId))?.status).toMatchObject({
      isOverruled: true,
    })
    // It has read what the other wrote: what it writes now is later, although its clock is still behind.
    await waitFor(
      async () => {
        await (await change(sites[1]!, { status: 'aborted' })).replicated()
        return (await onMain())!.status === 'aborted'
      },
      { what: 'a clock that follows the others' },
    )
    await untilEqual()
  })

  it('N24, E25: a stamp never goes back over a restart, though the wall clock does and everything is confirmed', async () => {
    await declared('last_writer')
    const stampOf = async (receipt: Receipt) =>
      BigInt((await sites[0]!.transactionById(receipt.transactionId))!.record.stamp!)
    const before = await change(sites[0]!, { status: 'completed' })
    await before.replicated()
    const stamp = await stampOf(before)
    await sites[0]!.stop()
    aheadMs[0] = -86_400_000
    for (const line of lines) line.cut()
    await cluster.standbys[0]!.stop()
    await open(0)
    expect(await stampOf(await change(sites[0]!, { status: 'aborted' }))).toBeGreaterThan(stamp)
  })

  it('N24, P12: both users see what happened, at their own site, while main is away too', async () => {
    await declared('last_writer')
    aheadMs[1] = -3_600_000
    const [first, second] = await partition(
      { status: 'completed' },
      { status: 'aborted' },
      { status: 'running' },
    )
    await untilEqual()
    await Promise.all([first.replicated(), second.replicated()])
    for (const line of lines) line.cut()
    const seen = await Promise.all(
      [first, second].map(async ({ transactionId }, index) => {
        const app = fastify()
        await app.register(outpostPlugin, { site: sites[index]! })
        const one = (await app.inject(`/transactions/${transactionId}`)).json()
        const list = (await app.inject('/conflicts?table=public.observation')).json()
        expect((await app.inject('/conflicts?table=public.nothing')).json()).toEqual({
          items: [],
          next_before: null,
        })
        expect((await app.inject('/conflicts?state=x')).statusCode).toBe(422)
        await app.close()
        expect(list.items).toEqual(one.conflicts.items)
        return { state: one.overruled, conflicts: one.conflicts }
      }),
    )
    expect(seen[0]!.conflicts).toEqual(seen[1]!.conflicts)
    expect(seen.map(({ state }) => state)).toEqual([false, true])
    expect(seen[0]!.conflicts).toEqual({
      answered: true,
      items: [
        {
          id: expect.any(String),
          at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
          table: 'public.observation',
          key: { id },
          policy: 'last_writer',
          site: 'institute',
          transaction_id: second.transactionId,
          other_sites: ['observatory'],
          other_transactions: [first.transactionId],
          columns: ['status'],
          base: { status: 'running' },
          mine: { status: 'aborted' },
          theirs: { status: 'completed' },
          result: null,
          winner: 'theirs',
          lost: ['status'],
          rejected: false,
        },
      ],
    })
  })

  it('N24: what the client did not say is what its site showed: the one that is overwritten learns of it', async () => {
    await declared('last_writer')
    const [first, second] = await partition({ status: 'completed', notes: 'clouds' }, { status: 'aborted' })
    await untilEqual()
    expect(await onMain()).toEqual({ status: 'aborted', seeing: 0.7, notes: 'clouds' })
    await Promise.all([first.replicated(), second.replicated()])
    expect(await sites[0]!.conflicts({ transaction: first.transactionId })).toMatchObject([
      {
        site: 'institute',
        winner: 'mine',
        columns: ['status'],
        base: { status: 'running' },
        otherSites: ['observatory'],
      },
    ])
    // Both have read it since: what comes next is no conflict.
    await (await change(sites[0]!, { status: 'running' })).replicated()
    const removal = sites[0]!.transaction()
    removal.update('observation', { id }, { status: 'paused' })
    removal.update('observation', { id }, { status: 'failed', seeing: 2 })
    removal.delete('observation', { id })
    const removed = await sites[0]!.append(removal)
    await removed.replicated()
    expect((await sites[0]!.transactionById(removed.transactionId))!.record.operations).toMatchObject([
      { set: { status: 'paused' }, seen: { status: 'running' } },
      { set: { status: 'failed', seeing: '2' } },
      { kind: 'delete' },
    ])
    expect(await sites[0]!.conflicts()).toHaveLength(1)
  })

  it('N24, P2: a replica that does not answer keeps nobody from recording', async () => {
    await declared('last_writer')
    const [replica] = cluster.standbys
    await waitFor(async () => (await sites[0]!.health()).replica === 'connected', { what: 'the replica' })
    await replica!.stop('immediate')
    const write = sites[0]!.transaction()
    write.delete('observation', { id })
    const receipt = await sites[0]!.append(write)
    expect((await sites[0]!.transactionById(receipt.transactionId))!.record.operations[0]).not.toHaveProperty(
      'seen',
    )
    await replica!.start()
  })

  it('N24: append only: a change is refused before it is recorded', async () => {
    await declared('append_only')
    await expect(change(sites[0]!, { status: 'completed' })).rejects.toMatchObject({ code: 'append_only' })
    const write = sites[1]!.transaction()
    write.insert('observation', { id: '0193a1c2-7d3e-7000-8000-000000000002', status: 'completed' })
    await (await sites[1]!.append(write)).replicated()
  })

  it('N24: own function: what it makes of both stands everywhere', async () => {
    await declared({ function: 'public.worst_seeing' })
    const [, second] = await partition({ seeing: 1.4 }, { seeing: 1.1, notes: 'clouds' }, { seeing: 0.7 })
    await untilEqual()
    expect(await onMain()).toEqual({ status: 'running', seeing: 1.4, notes: 'clouds' })
    expect((await sites[1]!.transactionById(second.transactionId))?.status).toMatchObject({
      isOverruled: true,
    })
  })
})
