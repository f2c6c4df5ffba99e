import { randomUUID } from 'node:crypto'
import { type Link, Pgbouncer, startLink } from '@outpost/lab'
import {
  describeEachPostgres,
  describeEachPostgresWithPgbouncer,
  useServer,
  waitFor,
} from '@outpost/lab/testing'
import { afterEach, expect, it } from 'vitest'
import { grantSite } from '../ledger/grant-site.ts'
import {
  file,
  finish,
  openTestMain,
  openTestSite,
  type TestMain,
  type TestSite,
  unit,
} from './real-site.spec-suite.ts'
import { useRealStage } from './real-stage.spec-suite.ts'

/** Units with one file and a finish each: three transactions that must keep their order. */
async function record(site: TestSite, units: number): Promise<readonly number[]> {
  const seqs: number[] = []
  for (let i = 0; i < units; i++) {
    const id = randomUUID()
    const first = await site.append([unit(id), file(id)])
    const second = await site.append([file(id, 'second')], [first])
    seqs.push(first, second, await site.append([finish(id)], [first]))
  }
  return seqs
}

async function expectEverythingOnce(main: TestMain, units: number): Promise<void> {
  const [counts] = await main.query(`
    SELECT (SELECT count(*) FROM unit)::integer AS units, (SELECT count(*) FROM file)::integer AS files,
           (SELECT count(*) FROM unit WHERE status = 'completed')::integer AS finished,
           (SELECT count(*) FROM outpost.ledger WHERE outcome = 'applied')::integer AS rows,
           (SELECT count(*) FROM outpost.ledger WHERE outcome <> 'applied')::integer AS dead`)
  expect(counts).toEqual({ units, files: 2 * units, finished: units, rows: 3 * units, dead: 0 })
}

describeEachPostgres('the applier when things fail', (pg) => {
  const server = useServer(pg)
  const stage = useRealStage(server)
  let link: Link | undefined

  afterEach(async () => {
    await link?.stop()
    link = undefined
  })

  it('N7, P3: main stops hard in the midst of a drain, twice, and everything is there once', async () => {
    const planLimits = { maxGroupTransactions: 4, maxGroupOperations: 50 }
    const site = await stage.open({ planLimits })
    const seqs: number[] = []
    for (let crash = 0; crash < 2; crash++) {
      let isUp = true
      // Recorded on until main is gone, so that the drain is not over however late its begin is seen.
      const recording = async () => {
        while (isUp) seqs.push(...(await record(site, 1)))
      }
      const crashing = async () => {
        await waitFor(() => stage.main.isBusy(), { what: 'the drain to begin' })
        await server().stop('immediate')
      }
      await Promise.all([recording(), crashing().finally(() => (isUp = false))])
      expect(site.journal.seqsIn('buffered')).not.toEqual([])
      await server().start()
      await stage.main.reconnect()
    }
    await site.until('applied', ...seqs)
    await expectEverythingOnce(stage.main, seqs.length / 3)
  })

  it('P2, P3: answers lost by cuts of the link double nothing', async () => {
    link = await startLink({ target: { host: server().host, port: server().port } })
    const { host, port } = link.endpoint('default')
    link.delay(30)
    const site = await stage.open({ config: { host, port, user: 'postgres', database: stage.main.database } })
    const seqs: number[] = []
    for (let cut = 0; cut < 5; cut++) {
      seqs.push(...(await record(site, 20)))
      await waitFor(() => site.journal.seqsIn('applied').length > cut * 20, { what: 'some progress' })
      link.cut()
      await waitFor(() => site.applier.state.kind === 'waiting', { what: 'the applier to notice' })
      link.restore()
    }
    await site.until('applied', ...seqs)
    await expectEverythingOnce(stage.main, 100)
    expect(site.alarms).toEqual([])
  })

  it('N11: a missing grant rejects nothing, alarms, and heals', async () => {
    const role = `grantless_${randomUUID().slice(0, 8)}`
    await stage.main.query(`CREATE ROLE "${role}" LOGIN`)
    await grantSite(stage.main.client, { role, site: 'observatory', tables: [] })
    const site = await stage.open({
      config: { host: server().host, port: server().port, user: role, database: stage.main.database },
      stuckRetryMs: 100,
    })
    const seqs = await record(site, 3)
    await waitFor(() => site.alarms.some(({ code }) => code === 'stuck'), { what: 'the alarm' })
    expect(site.journal.seqsIn('rejected')).toEqual([])
    await grantSite(stage.main.client, { role, site: 'observatory', tables: ['public.unit', 'public.file'] })
    await site.until('applied', ...seqs)
    await expectEverythingOnce(stage.main, 3)
    await site.stop()
    await stage.main.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`)
  })
})

describeEachPostgresWithPgbouncer('the applier', (pg) => {
  const server = useServer(pg)

  it('P3, P5: drains in transaction mode as a role without privileges of its own', async () => {
    const main = await openTestMain(server())
    const role = `pooled_${randomUUID().slice(0, 8)}`
    await main.query(`CREATE ROLE "${role}" LOGIN`)
    await grantSite(main.client, { role, site: 'observatory', tables: ['public.unit', 'public.file'] })
    const bouncer = await Pgbouncer.start({ target: { host: server().host, port: server().port } })
    const site = await openTestSite({
      config: { connectionString: bouncer.connectionString(main.database, role) },
      catalog: main.catalog,
    })
    try {
      const seqs = await record(site, 50)
      const poison = await site.append([file(randomUUID(), 'orphan')])
      await site.until('applied', ...seqs)
      await site.until('rejected', poison)
      expect(await main.query('SELECT count(*)::integer AS count FROM outpost.ledger')).toEqual([
        { count: 151 },
      ])
    } finally {
      await site.stop()
      await bouncer.stop()
      await main.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`)
      await main.close()
    }
  })
})
