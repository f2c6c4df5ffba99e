import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type Link, startLink } from '@outpost/lab'
import { describeEachPostgres, startTestCluster, waitFor } from '@outpost/lab/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../clock/clock.ts'
import { isOutpostError } from '../errors/outpost-error.ts'
import { migrate } from '../ledger/migrate.ts'
import { outpostMigrations } from '../ledger/migration.ts'
import { Random } from '../overlay/property/random.spec-suite.ts'
import type { Operation } from '../transaction/operation.ts'
import type { TransactionRecord } from '../transaction/transaction.ts'
import { ConflictModel } from './conflict-model.spec-suite.ts'
import { openSiteWith } from './open-site.ts'
import type { Site } from './site-api.ts'

const seed = Number(
  process.env.OUTPOST_SEED ?? (process.env.CI ? 1_000 : Math.floor(Math.random() * 2 ** 31)),
)
const rounds = Number(process.env.OUTPOST_CASES ?? 8)
const stepsPerRound = 14

const tables = ['nothing', 'merged', 'compare', 'latest', 'own'] as const
const ids = ['1', '2', '3']
const texts = ['x', 'y', 'z', null]
const names = ['observatory', 'institute']

/** Says what {@link ConflictModel} says of the application's own function. */
const ownPolicySql = `CREATE FUNCTION own_policy(t text, key jsonb, base jsonb, mine jsonb, theirs jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
  BEGIN
    IF mine IS NULL THEN RETURN CASE WHEN coalesce((theirs->>'n')::int, 0) % 2 = 0 THEN '{}'::jsonb END; END IF;
    IF mine->>'a' = 'raise' THEN RAISE EXCEPTION 'no'; END IF;
    IF mine->>'a' = 'drop' THEN RETURN NULL; END IF;
    RETURN theirs || mine || jsonb_build_object('n', greatest((mine->>'n')::int, (theirs->>'n')::int));
  END $$`

/** Two sites on replicas of their own; what each records while cut off comes to main one site after the other. */
describeEachPostgres(`two sites with random conflicts against a model, seed ${seed}`, (pg) => {
  let cluster: Cluster
  let lines: Link[]
  let folders: string[]
  let sites: Site[]
  const random = new Random(seed)
  const skewMs = [0, 0]

  beforeAll(async () => {
    cluster = await startTestCluster(pg, { standbys: 2 })
    const client = await cluster.primary.connect()
    await client.query(ownPolicySql)
    for (const table of tables)
      await client.query(`CREATE TABLE ${table} (id integer PRIMARY KEY, a text, b text, n integer)`)
    await migrate(client, [
      {
        ...outpostMigrations,
        conflicts: {
          'public.merged': 'column_merge',
          'public.compare': 'compare_and_set',
          'public.latest': 'last_writer',
          'public.own': { function: 'public.own_policy' },
        },
      },
    ])
    const [declared] = (await client.query('SELECT count(*)::int AS n FROM outpost.conflict_policy')).rows
    await client.end()
    ;[lines, folders, sites] = [[], [], []]
    for (const [index, name] of names.entries()) {
      const standby = cluster.standbys[index]!
      await waitFor(
        async () => {
          const [{ known } = { known: null }] = await standby.query<{ known: string | null }>(
            `SELECT to_regclass('outpost.conflict_policy')::text AS known`,
          )
          if (known === null) return false
          return (
            (await standby.query('SELECT count(*)::int AS n FROM outpost.conflict_policy'))[0]!.n ===
            declared.n
          )
        },
        { what: 'the policies on a replica' },
      )
      const line = await startLink({ target: { host: '127.0.0.1', port: cluster.primary.port } })
      const folder = await mkdtemp(join(tmpdir(), 'outpost-simulation-'))
      const place = { user: 'postgres', database: 'postgres' }
      const site = await openSiteWith(
        {
          name,
          type: 'secondary',
          main: { ...line.endpoint(), ...place },
          local: { host: '127.0.0.1', port: standby.port, ...place },
          journalPath: folder,
          secretKey: 'a secret of some length',
          retryDelayMs: 20,
          idleIntervalMs: 50,
        },
        { clock: { ...systemClock, nowMs: () => Date.now() + skewMs[index]! } },
      )
      lines.push(line)
      folders.push(folder)
      sites.push(site)
    }
  }, 60_000)
  afterAll(async () => {
    await Promise.all(sites.map((site) => site.stop()))
    await Promise.all(lines.map((line) => line.stop()))
    await cluster.stop()
    for (const folder of folders) await rm(folder, { recursive: true, force: true })
  })

  const someColumns = <T>(make: (column: string) => T): Record<string, T> => {
    const chosen = random.some(['a', 'b', 'n'], 0.45)
    const columns = chosen.length === 0 ? [random.pick(['a', 'b', 'n'])] : chosen
    return Object.fromEntries(columns.map((column) => [column, make(column)]))
  }
  const value = (table: string, column: string) => {
    if (column === 'n') return random.chance(0.1) ? null : random.below(4)
    if (column === 'a' && table === 'own' && random.chance(0.2)) return random.pick(['raise', 'drop'])
    return random.pick(texts)
  }

  /** One step of a transaction, from what its client sees at the site. */
  async function addStep(site: Site, write: ReturnType<Site['transaction']>): Promise<void> {
    const table = random.pick(tables)
    const id = random.pick(ids)
    const row = (await site.readRow(table, { id }))?.row
    const values = someColumns((column) => value(table, column))
    if (row === undefined) {
      write.insert(table, { id, ...values })
      return
    }
    const isTold = table === 'compare' || random.chance(0.6)
    // Sometimes a client has looked long ago.
    const seen = someColumns((column) => (random.chance(0.15) ? value('', column) : row[column]))
    const options = isTold ? { seen } : {}
    if (random.chance(0.12)) write.delete(table, { id }, options)
    else write.update(table, { id }, values, options)
  }

  async function recordOne(site: Site): Promise<string | undefined> {
    const write = site.transaction()
    for (let steps = random.chance(0.3) ? 2 : 1; steps > 0; steps--) await addStep(site, write)
    try {
      return (await site.append(write)).transactionId
    } catch (error) {
      // Its own row is pending already.
      if (isOutpostError(error, 'already_recorded')) return undefined
      throw error
    }
  }

  const settled = (site: Site) =>
    waitFor(() => site.bufferStatistics().states.buffered === 0, {
      what: `${site.name} drained`,
      deadlineMs: 30_000,
    })
  const rowsAt = async (query: (sql: string) => Promise<readonly Record<string, unknown>[]>) => {
    const rows = new Map<string, unknown>()
    for (const table of tables)
      for (const { id, ...row } of await query(`SELECT id, a, b, n FROM ${table} ORDER BY id`))
        rows.set(`public.${table} ${id}`, row)
    return Object.fromEntries([...rows].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  it('N24: ends as the model says, the same at every site, and records every loser', async () => {
    const model = new ConflictModel()
    const tally: Record<string, number> = {}
    for (let round = 0; round < rounds; round++) {
      for (const line of lines) line.cut()
      for (const index of [0, 1])
        skewMs[index] = random.below(40_000) - (random.chance(0.5) ? 20_000 : 3_600_000)
      const recorded: string[][] = [[], []]
      for (let step = 0; step < stepsPerRound; step++) {
        const at = random.below(2)
        const id = await recordOne(sites[at]!)
        if (id !== undefined) recorded[at]!.push(id)
      }
      for (const at of random.chance(0.5) ? [0, 1] : [1, 0]) {
        const site = sites[at]!
        lines[at]!.restore()
        await settled(site)
        const held = new Set<number>()
        for (const id of recorded[at]!) {
          const { record, status } = (await site.transactionById(id))!
          const outcome = model.apply(arriving(site.name, record, held))
          if (outcome === 'rejected' || outcome === 'parked') held.add(record.seq)
          tally[outcome] = (tally[outcome] ?? 0) + 1
          const told = status.isOverruled
            ? 'overruled'
            : status.state === 'replicated' || status.state === 'retained'
              ? 'applied'
              : status.state
          expect([round, id, told, record.operations]).toEqual([round, id, outcome, record.operations])
        }
        for (const { record } of await site.transactions({ state: 'rejected', limit: 500 }))
          await site.deadLetters.discard(record.id, { reason: 'the simulation goes on', cone: true })
        await settled(site)
      }
      const onMain = await rowsAt((sql) => cluster.primary.query(sql))
      expect(onMain).toEqual(Object.fromEntries([...model.rows].sort(([a], [b]) => (a < b ? -1 : 1))))
      for (const site of sites) {
        await waitFor(() => site.bufferStatistics().pending_transactions === 0, {
          what: `${site.name} confirmed`,
        })
        // What the other site brought comes with the replica.
        await waitFor(
          async () => {
            const seen = await rowsAt(async (sql) => (await site.read(sql)).rows)
            return JSON.stringify(seen) === JSON.stringify(onMain)
          },
          { what: `${site.name} reading what main has` },
        )
      }
      const conflicts = await cluster.primary.query(
        `SELECT site, transaction_id::text AS transaction, ARRAY(SELECT c FROM unnest(columns) c ORDER BY c COLLATE "C") AS columns, winner,
                ARRAY(SELECT c FROM unnest(lost) c ORDER BY c COLLATE "C") AS lost, is_rejected AS "isRejected", other_sites AS "otherSites"
         FROM outpost.conflict ORDER BY id`,
      )
      expect(conflicts).toEqual(model.conflicts)
    }
    if (!process.env.CI && rounds < 40) return
    // The cases are worth something: every end was reached.
    expect(Object.keys(tally).sort()).toEqual(['applied', 'overruled', 'parked', 'rejected'])
    expect(new Set(model.conflicts.map(({ winner }) => winner)).size).toBe(3)
  }, 3_600_000)

  function arriving(site: string, record: TransactionRecord, held: ReadonlySet<number>) {
    const operations: readonly Operation[] = record.operations
    const stamp = BigInt(record.stamp ?? BigInt(Math.floor(record.bufferedAtMs)) * 65_536n)
    return {
      site,
      id: record.id,
      stamp,
      operations,
      isHeldBack: record.dependsOn.some((seq) => held.has(seq)),
    }
  }
})
