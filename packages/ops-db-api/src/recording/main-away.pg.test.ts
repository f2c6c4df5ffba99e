import { describeEachPostgres, waitFor } from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type TestSite, TwoSites } from '../server/two-sites.spec-suite.ts'

/** Less than the main site waits for its own write while main is there (2 s). */
const atOnceMs = 1_500

describeEachPostgres('N5: the main site while main is away', (version) => {
  let sites: TwoSites
  let site: TestSite

  beforeEach(async () => {
    sites = await TwoSites.start(version)
    site = await sites.openMain(50)
    await waitFor(() => site.site.isMainConnected, { what: 'contact with main' })
  })
  afterEach(() => sites.stop())

  const start = () => sites.call(site, 'POST', '/executed_obs_units/start', { obs_unit_id: 1 })
  const finish = (id: unknown) => sites.call(site, 'PUT', `/executed_obs_units/${String(id)}/finish`)
  const unit = (id: unknown) => sites.call(site, 'GET', `/executed_obs_units/${String(id)}`)
  const untilDrained = () =>
    waitFor(() => site.site.bufferStatistics().pending_transactions === 0, { what: 'everything confirmed' })
  const untilKnownAway = () => waitFor(() => !site.site.isMainConnected, { what: 'main known to be away' })
  const timed = async <T>(work: () => Promise<T>) => {
    const startedMs = performance.now()
    const answer = await work()
    return { answer, isAtOnce: performance.now() - startedMs < atOnceMs }
  }

  it('P2, P6: records without waiting for a main that is stopped, and reads what it knows', async () => {
    const { body: before } = await start()
    expect(before.transaction_state).toMatch(/applied|replicated/)
    await untilDrained()
    await sites.cluster.primary.stop('immediate')
    await untilKnownAway()
    const { answer: recorded, isAtOnce } = await timed(start)
    expect(recorded).toMatchObject({ status: 201, body: { transaction_state: 'buffered' } })
    expect(isAtOnce).toBe(true)
    expect(await timed(() => finish(before.id))).toMatchObject({ answer: { status: 200 }, isAtOnce: true })
    expect(await timed(() => finish(before.id))).toMatchObject({ answer: { status: 409 }, isAtOnce: true })
    // What is pending as a whole is known; what only main has is not said to be absent.
    expect(await timed(() => unit(recorded.body.id))).toMatchObject({
      answer: { status: 200, body: { status: 'running', transaction_state: 'buffered' } },
      isAtOnce: true,
    })
    expect(await timed(() => unit(before.id))).toMatchObject({
      answer: { status: 503, body: { code: 'not_here_yet' } },
      isAtOnce: true,
    })
    expect(await sites.call(site, 'GET', `/transactions/${String(before.transaction_id)}`)).toMatchObject({
      status: 200,
    })
    expect(await sites.call(site, 'GET', '/health')).toMatchObject({
      status: 200,
      body: { status: 'degraded', database: 'unreachable', can_record: true },
    })
    await sites.cluster.primary.start()
    await waitFor(async () => (await unit(before.id)).body.status === 'completed', { what: 'main again' })
    await untilDrained()
    expect((await unit(recorded.body.id)).body).toMatchObject({ transaction_state: 'replicated' })
  })

  it('P2: waits no more once a main that only hangs is known to', async () => {
    await start()
    await sites.cluster.primary.pause()
    try {
      await untilKnownAway()
      expect(await timed(start)).toMatchObject({
        answer: { status: 201, body: { transaction_state: 'buffered' } },
        isAtOnce: true,
      })
    } finally {
      await sites.cluster.primary.resume()
    }
    await untilDrained()
  })

  it('P6, P7: reads on a standby where it has one, and does not call absent what that may lack', async () => {
    await site.site.stop()
    site = await sites.openMain(1_000, sites.cluster.standby)
    const { body: first } = await start()
    await untilDrained()
    await sites.cluster.primary.stop('immediate')
    await untilKnownAway()
    const { body: second } = await start()
    const { body } = await sites.call(site, 'GET', '/executed_obs_units?sort=start_time&limit=10')
    const items = body.items as readonly { id: unknown }[]
    expect(items.map(({ id }) => id)).toEqual([first.id, second.id])
    expect(await unit(first.id)).toMatchObject({ status: 200 })
    expect(await unit('01a1ff50-4945-725e-9a7d-c05d6760b27b')).toMatchObject({
      status: 503,
      body: { code: 'not_here_yet' },
    })
    await sites.cluster.primary.start()
    await untilDrained()
  })
})
