import { describeEachPostgres, useCluster } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { Bookkeeper } from './harness/bookkeeper.ts'
import { disableLedger } from './harness/broken-builds.ts'
import type { Violation } from './harness/checker.ts'
import { prepareGround } from './harness/ground.ts'
import { RecorderProcess } from './harness/recorder-process.ts'
import type { RecorderOrder } from './harness/recorder-protocol.ts'

type Order = Omit<RecorderOrder, 'site' | 'streams' | 'perStream'>

// What these builds break must be seen, or the tests beside this one prove nothing.
describeEachPostgres('the checker catches a build', (pg) => {
  const cluster = useCluster(pg)

  /** Kills a recorder as ordered, restarts it whole, drains and checks. */
  async function killed(order: Order, breakMain: boolean): Promise<readonly Violation[]> {
    const { primary, standby } = cluster()
    const ground = await prepareGround({ main: primary, replica: standby })
    const books = new Bookkeeper(['a', 'b', 'c', 'd'])
    const start = (more: Order, perStream: number) =>
      new RecorderProcess({ site: ground.site, streams: books.streams, perStream, ...more }, books.note)
    try {
      if (breakMain) await breakLedger(ground.database)
      const first = start(order, 1_000)
      await first.untilKilled()
      const second = start({}, 2)
      try {
        await second.until('recorded')
        // A doubled insert is a dead letter, and what depends on it is parked: the drain may never end.
        await second.until('quiet')
      } finally {
        await second.kill()
      }
      return await ground.violations(books.account)
    } finally {
      await ground.clear()
    }
  }

  async function breakLedger(database: string): Promise<void> {
    const client = await cluster().primary.connect(database)
    try {
      await disableLedger(client)
    } finally {
      await client.end()
    }
  }

  it('P1: that acknowledges before the sync', async () => {
    const violations = await killed(
      { answersEarly: true, kill: { step: 'before_sync', at: 20, turns: 0 } },
      false,
    )
    expect(violations.map(({ kind }) => kind)).toContain('lost')
  }, 120_000)

  it('P3: that applies without asking its ledger', async () => {
    const violations = await killed({ kill: { step: 'after_commit', at: 3, turns: 0 } }, true)
    expect(violations.length).toBeGreaterThan(0)
    const kinds = new Set(violations.map(({ kind }) => kind))
    expect(kinds.has('doubled') || kinds.has('step_doubled') || kinds.has('rejected')).toBe(true)
  }, 120_000)

  it('and finds nothing where nothing is broken', async () => {
    expect(await killed({ kill: { step: 'after_commit', at: 3, turns: 0 } }, false)).toEqual([])
  }, 120_000)
})
