import { type Link, startLink, untilCaughtUp, walEnd } from '@outpost/lab'
import { describeEachPostgres, useCluster, waitFor } from '@outpost/lab/testing'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Guard, guardedQuery } from './pipelined-guard.ts'
import { classify, sqlstateOf } from './sqlstate.ts'

/** Divides by zero on a node that has not replayed up to the position. */
const hasReplayed = (lsn: string): Guard => ({
  text: 'SELECT pg_last_wal_replay_lsn()::text, 1 / (pg_last_wal_replay_lsn() >= $1::pg_lsn)::int',
  values: [lsn],
})
const passes: Guard = { text: 'SELECT $1::text AS seen', values: ['yes'] }
const raises: Guard = { text: 'SELECT 1 / $1::int', values: ['0'] }
const unparsable: Guard = { text: 'SELECT FROM WHERE', values: [] }
const silent: Guard = { text: '', values: [] }

describeEachPostgres('guard and read in one flush', (under) => {
  const cluster = useCluster(under)
  let link: Link
  let client: pg.Client

  beforeAll(async () => {
    await cluster().primary.query('CREATE TABLE note (n int PRIMARY KEY)')
    await untilCaughtUp(cluster().standby, cluster().primary)
    link = await startLink()
    const { standby } = cluster()
    const { host, port } = await link.forward('standby', { host: standby.host, port: standby.port })
    client = new pg.Client({ host, port, user: 'postgres', database: 'postgres' })
    client.on('error', () => undefined)
    await client.connect()
  })
  afterAll(async () => {
    await client.end()
    await link.stop()
  })
  beforeEach(() => link.delay(0))

  const read = (config: Partial<pg.QueryConfig> = {}): pg.QueryConfig => ({
    text: 'SELECT $1::int + 1 AS n',
    values: ['1'],
    ...config,
  })
  const named = (name: string) => read({ name })

  it('E4: serves the rows of the read, and those of the guard apart', async () => {
    const answer = await guardedQuery<{ n: number }>(client, passes, read())
    expect(answer).toMatchObject({
      kind: 'served',
      result: { rows: [{ n: 2 }], command: 'SELECT', rowCount: 1 },
      guardRows: [['yes']],
    })
  })

  it('serves reads without values, without rows, as arrays, and after a guard that says nothing', async () => {
    const texts = await guardedQuery(client, passes, { text: "SELECT 'a' AS x, 2 AS y" })
    expect(texts).toMatchObject({ result: { rows: [{ x: 'a', y: 2 }] } })
    const none = await guardedQuery(client, passes, { text: 'SELECT n FROM note WHERE false' })
    expect(none).toMatchObject({ kind: 'served', result: { rows: [], fields: [{ name: 'n' }] } })
    const arrays = { text: 'SELECT 1 AS a, 2 AS a', rowMode: 'array' } as pg.QueryConfig
    expect(await guardedQuery(client, silent, arrays)).toMatchObject({
      result: { rows: [[1, 2]] },
      guardRows: [],
    })
  })

  it('E4: a guard that raises skips the read and leaves the connection usable', async () => {
    for (const guard of [raises, unparsable]) {
      const refused = await guardedQuery(client, guard, { text: 'SELECT pg_sleep(60)' })
      expect(refused.kind).toBe('refused')
    }
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })

  it('E4: a guard that raises does not leave the name of the read half prepared (26000)', async () => {
    for (const guard of [raises, unparsable]) {
      const name = `trap ${guard.text}`
      expect(await guardedQuery(client, guard, named(name))).toMatchObject({ kind: 'refused' })
      expect(await guardedQuery(client, passes, named(name))).toMatchObject({ kind: 'served' })
      expect(await guardedQuery(client, raises, named(name))).toMatchObject({ kind: 'refused' })
      expect((await client.query(named(name))).rows).toEqual([{ n: 2 }])
      expect(await guardedQuery(client, passes, named(name))).toMatchObject({ kind: 'served' })
    }
  })

  it('keeps the name prepared when only the read fails, and forgets it when it could not be parsed', async () => {
    const failing = (values: string[]) =>
      guardedQuery(client, passes, { name: 'divides', text: 'SELECT 1 / $1::int AS n', values })
    await expect(failing(['0']).catch(sqlstateOf)).resolves.toBe('22012')
    await expect(failing(['not a number']).catch(sqlstateOf)).resolves.toBe('22P02')
    expect(await failing(['1'])).toMatchObject({ result: { rows: [{ n: 1 }] } })

    const wrong = guardedQuery(client, passes, {
      name: 'wrong',
      text: 'SELECT nothing FROM nowhere',
      values: [],
    })
    await expect(wrong.catch(sqlstateOf)).resolves.toBe('42P01')
    expect(await guardedQuery(client, passes, { name: 'wrong', text: 'SELECT 1 AS n' })).toMatchObject({
      kind: 'served',
    })
  })

  it('prepares the name on the first bind that fails', async () => {
    const first = guardedQuery(client, passes, { name: 'binds', text: 'SELECT $1::int AS n', values: ['x'] })
    await expect(first.catch(sqlstateOf)).resolves.toBe('22P02')
    const second = await guardedQuery(client, passes, {
      name: 'binds',
      text: 'SELECT $1::int AS n',
      values: ['5'],
    })
    expect(second).toMatchObject({ result: { rows: [{ n: 5 }] } })
  })

  it('queues with other queries on one connection, each getting its own answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        guardedQuery(
          client,
          n % 3 === 0 ? raises : passes,
          read({ values: [String(n)], ...(n % 2 === 0 && { name: 'queued' }) }),
        ),
      ),
    )
    for (const [n, answer] of answers.entries()) {
      if (n % 3 === 0) expect(answer.kind).toBe('refused')
      else expect(answer).toMatchObject({ result: { rows: [{ n: n + 1 }] } })
    }
    expect(
      (client as unknown as { connection: NodeJS.EventEmitter }).connection.listenerCount('parseComplete'),
    ).toBe(1)
  })

  it('P7, E3: on a replica that is behind it refuses, and never serves without the row', async () => {
    const { primary, standby } = cluster()
    const has = (n: number, lsn: string) =>
      guardedQuery<{ n: number }>(client, hasReplayed(lsn), {
        name: 'has',
        text: 'SELECT n FROM note WHERE n = $1',
        values: [n],
      })
    await standby.query('SELECT pg_wal_replay_pause()')
    await primary.query('INSERT INTO note VALUES (0)')
    const target = await walEnd(primary)
    expect(await has(0, target)).toMatchObject({ kind: 'refused' })
    await standby.query('SELECT pg_wal_replay_resume()')
    for (let n = 1; n <= 100; n++) {
      await primary.query('INSERT INTO note VALUES ($1)', [n])
      const lsn = await walEnd(primary)
      const served = await waitFor(
        async () => {
          const answer = await has(n, lsn)
          return answer.kind === 'served' ? answer : undefined
        },
        { what: `the standby reaching ${lsn}`, everyMs: 1 },
      )
      expect(served.result.rows).toEqual([{ n }])
    }
  })

  it('E4: costs one round trip', async () => {
    link.delay(60)
    const started = performance.now()
    await guardedQuery(client, passes, named('one trip'))
    const elapsedMs = performance.now() - started
    expect(elapsedMs).toBeGreaterThan(55)
    expect(elapsedMs).toBeLessThan(115)
  })

  it('rejects when the connection goes away', async () => {
    const lost = guardedQuery(client, passes, { text: 'SELECT pg_sleep(60)' }).catch(
      (error: unknown) => error,
    )
    link.cut()
    expect(classify(await lost)).toBe('connectivity')
    const after = guardedQuery(client, passes, read()).catch((error: unknown) => error)
    expect(classify(await after)).toBe('connectivity')
  })
})
