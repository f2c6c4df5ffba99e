import { randomUUID } from 'node:crypto'
import { startLink } from '@outpost/lab'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { systemClock } from '../clock/clock.ts'
import { pgMainSessions } from './pg-main-session.ts'
import { openTestMain } from './real-site.spec-suite.ts'

describeEachPostgres('a session on main', (pg) => {
  const server = useServer(pg)

  it('P9: names the step that got no answer, not its SQL', async () => {
    const main = await openTestMain(server())
    try {
      const open = pgMainSessions({ config: main.config, clock: systemClock })
      const session = await open(new AbortController().signal)
      const asked = session.beat('observatory', randomUUID(), undefined)
      await session.close()
      await expect(asked).rejects.toMatchObject({
        code: 'main_unreachable',
        message: 'Main: the connection was closed (asking main for its position).',
      })
    } finally {
      await main.close()
    }
  })

  it('tells the round trip of the link, however long main takes for its part', async () => {
    const main = await openTestMain(server())
    const link = await startLink({ target: { host: server().host, port: server().port } })
    link.delay(80)
    try {
      const { host, port } = link.endpoint('default')
      const config = { host, port, user: 'postgres', database: main.database }
      const session = await pgMainSessions({ config, clock: systemClock })(new AbortController().signal)
      await main.query('BEGIN')
      await main.query(`INSERT INTO outpost.site (name) VALUES ('observatory')`)
      const asked = session.hello({
        site: 'observatory',
        epoch: randomUUID(),
        earlier: [],
        remembered: undefined,
      })
      const startedMs = performance.now()
      const other = await server().connect(main.database)
      const waits = async () =>
        (await other.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)).rowCount === 1
      await waitFor(async () => (await waits()) && performance.now() - startedMs > 400, {
        what: 'main to wait',
      })
      await main.query('COMMIT')
      const answer = await asked
      expect(answer).toMatchObject({ kind: 'welcome', roundTripMs: expect.any(Number) })
      const { roundTripMs = 0 } = answer.kind === 'welcome' ? answer : {}
      expect(roundTripMs).toBeGreaterThanOrEqual(75)
      expect(roundTripMs).toBeLessThan(400)
      await other.end()
      await session.close()
    } finally {
      await link.stop()
      await main.close()
    }
  })
})
