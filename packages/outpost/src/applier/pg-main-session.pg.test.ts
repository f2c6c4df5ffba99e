import { randomUUID } from 'node:crypto'
import { describeEachPostgres, useServer } from '@outpost/lab/testing'
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
})
