import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres, describeRedis, useCluster, useRedis } from '@outpost/lab/testing'
import { createToken, opsDbMigrations, seedReferenceData } from '@outpost/ops-db-api/setup'
import { migrate, outpostMigrations } from 'outpost/migrate'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type ServeProcess, startServe } from './serve-process.spec-suite.ts'

/** Of the calls made here, the members that are looked at. */
interface AnswerBody {
  readonly id: string
  readonly status: string
  readonly code: string
  readonly transaction_id: string
  readonly items: readonly { readonly id: string | number; readonly transaction_state: string }[]
  readonly redis: string
  readonly database: string
  readonly can_record: boolean
  readonly site: { readonly journal: string; readonly leads: boolean }
  readonly problems: readonly { readonly code: string }[]
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: AnswerBody
}

interface Member {
  readonly url: string
  readonly process: ServeProcess
}

describeRedis('outpost serve on Redis', () => {
  describeEachPostgres('three processes of one site', (pg) => {
    const cluster = useCluster(pg)
    const redis = useRedis()
    const members: Member[] = []
    let folder: string
    let bearer: string

    const start = async (): Promise<Member> => {
      const { primary, standby } = cluster()
      const place = await mkdtemp(join(folder, 'process-'))
      const serving = startServe(place, {
        SITE_NAME: 'observatory',
        SITE_TYPE: 'secondary',
        MAIN_DB_HOST: primary.host,
        MAIN_DB_PORT: String(primary.port),
        MAIN_DB_USER: 'postgres',
        MAIN_DB_NAME: 'postgres',
        LOCAL_DB_HOST: standby.host,
        LOCAL_DB_PORT: String(standby.port),
        LOCAL_DB_USER: 'postgres',
        LOCAL_DB_NAME: 'postgres',
        JOURNAL: 'redis',
        REDIS_HOST: redis().host,
        REDIS_PORT: String(redis().port),
        PORT: '0',
      })
      const line = await Promise.race([serving.ready, serving.ended.then(({ stderr }) => stderr)])
      const url = /http:\S+\d/.exec(line)?.[0]
      if (url === undefined) throw new Error(line)
      return { url, process: serving }
    }

    const call = async (
      member: Member,
      method: 'GET' | 'POST' | 'PUT',
      path: string,
      body?: unknown,
      headers: Readonly<Record<string, string>> = {},
    ): Promise<Answer> => {
      const answer = await fetch(member.url + path, {
        method,
        headers: {
          authorization: `Bearer ${bearer}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      return { status: answer.status, headers: answer.headers, body: (await answer.json()) as AnswerBody }
    }

    const member = (index: number): Member => members[index % members.length]!
    const startUnit = async (at: Member): Promise<string> => {
      const units = await call(at, 'GET', '/obs_units?limit=1')
      const started = await call(at, 'POST', '/executed_obs_units/start', {
        obs_unit_id: units.body.items[0]?.id,
      })
      expect(started.status).toBe(201)
      return started.body.id
    }

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'outpost-serve-redis-'))
      const client = await cluster().primary.connect()
      await migrate(client, [outpostMigrations, opsDbMigrations])
      await seedReferenceData(client)
      bearer = (await createToken(client, { name: 'test', scopes: ['write'] })).token
      await client.end()
      await untilCaughtUp(cluster().standby, cluster().primary)
      members.push(...(await Promise.all([start(), start(), start()])))
    })

    afterAll(async () => {
      for (const { process } of members) process.child.kill('SIGTERM')
      for (const { process } of members) expect(await process.ended).toMatchObject({ code: 0, stderr: '' })
      await rm(folder, { recursive: true, force: true })
    })

    it('P6, N23: what one has answered, another shows at once', async () => {
      for (let round = 0; round < 30; round += 1) {
        const id = await startUnit(member(round))
        const reader = member(round + 1)
        const list = await call(reader, 'GET', '/executed_obs_units?sort=-start_time&limit=5')
        expect(list.body.items.map((item) => item.id)).toContain(id)
        expect((await call(member(round + 2), 'GET', `/executed_obs_units/${id}`)).body).toMatchObject({ id })
        const finished = await call(reader, 'PUT', `/executed_obs_units/${id}/finish`, {})
        expect(finished.status).toBe(200)
        const seen = await call(member(round + 2), 'GET', `/executed_obs_units/${id}`)
        expect(seen.body).toMatchObject({ id, status: 'completed' })
        const transaction = await call(member(round), 'GET', `/transactions/${finished.body.transaction_id}`)
        expect(transaction.status).toBe(200)
      }
    })

    it('N22: of two that finish one unit at once, one wins and the other is refused', async () => {
      for (let round = 0; round < 20; round += 1) {
        const id = await startUnit(member(round))
        const answers = await Promise.all(
          [0, 1, 2].map((index) => call(member(index), 'PUT', `/executed_obs_units/${id}/finish`, {})),
        )
        expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409])
      }
    })

    it('N22: one Idempotency-Key through all at once is one transaction', async () => {
      for (let round = 0; round < 20; round += 1) {
        const id = await startUnit(member(round))
        const key = { 'idempotency-key': `finish-${id}` }
        const answers = await Promise.all(
          [0, 1, 2].map((index) => call(member(index), 'PUT', `/executed_obs_units/${id}/finish`, {}, key)),
        )
        expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
        expect(new Set(answers.map(({ body }) => body.transaction_id)).size).toBe(1)
      }
    })

    it('says in health who leads, what keeps the journal, and that main answers everywhere', async () => {
      const healths = await Promise.all(members.map((at) => call(at, 'GET', '/health')))
      expect(healths.map(({ body }) => body.redis)).toEqual(['connected', 'connected', 'connected'])
      expect(healths.map(({ body }) => body.site.journal)).toEqual(['redis', 'redis', 'redis'])
      expect(healths.filter(({ body }) => body.site.leads).length).toBe(1)
      const codes = healths.flatMap(({ body }) => body.problems.map(({ code }) => code))
      expect(codes).not.toContain('journal_unavailable')
      expect(codes).not.toContain('main_unreachable')
      expect(healths.map(({ body }) => body.database)).toEqual(['connected', 'connected', 'connected'])
    })

    it('P3: when the leader is killed another drains, and all of it is on main once', async () => {
      const healths = await Promise.all(members.map((at) => call(at, 'GET', '/health')))
      const leader = healths.findIndex(({ body }) => body.site.leads)
      const ids: string[] = []
      for (let round = 0; round < 10; round += 1) ids.push(await startUnit(member(leader + 1 + (round % 2))))
      members[leader]!.process.child.kill('SIGKILL')
      for (let round = 0; round < 10; round += 1) ids.push(await startUnit(member(leader + 1 + (round % 2))))
      members.splice(leader, 1, await start())
      const states = async (at: Member) =>
        (await call(at, 'GET', '/executed_obs_units?limit=200')).body.items
          .filter((item) => ids.includes(String(item.id)))
          .map((item) => item.transaction_state)
      for (const at of members) {
        await expect.poll(() => states(at), { timeout: 30_000 }).toEqual(ids.map(() => 'replicated'))
      }
      const client = await cluster().primary.connect()
      const found = await client.query(
        'SELECT count(*)::int AS n FROM executed_obs_unit WHERE id = ANY($1::uuid[])',
        [ids],
      )
      const doubled = await client.query(
        'SELECT transaction_id FROM outpost.ledger GROUP BY transaction_id HAVING count(*) > 1',
      )
      const refused = await client.query("SELECT * FROM outpost.ledger WHERE outcome <> 'applied'")
      await client.end()
      expect(found.rows[0].n).toBe(ids.length)
      expect(doubled.rows).toEqual([])
      expect(refused.rows).toEqual([])
    })

    it('P11: says 503 with what to do while Redis is away, and goes on by itself', async () => {
      const id = await startUnit(member(0))
      await redis().kill()
      const refused = await call(member(0), 'PUT', `/executed_obs_units/${id}/finish`, {})
      expect(refused.status).toBe(503)
      expect(refused.headers.get('retry-after')).toBe('5')
      expect(refused.body).toMatchObject({ code: 'journal_unavailable' })
      const health = await call(member(1), 'GET', '/health')
      expect(health.body).toMatchObject({ status: 'unhealthy', redis: 'unreachable', can_record: false })
      expect(health.body.problems.map(({ code }) => code)).toContain('journal_unavailable')
      expect((await call(member(1), 'GET', '/health/ready')).status).toBe(503)
      await redis().start()
      for (const at of members) {
        await expect
          .poll(async () => (await call(at, 'GET', '/health')).body.can_record, { timeout: 15_000 })
          .toBe(true)
      }
      expect((await call(member(2), 'PUT', `/executed_obs_units/${id}/finish`, {})).status).toBe(200)
      expect((await call(member(1), 'GET', `/executed_obs_units/${id}`)).body.status).toBe('completed')
    })
  })
})
