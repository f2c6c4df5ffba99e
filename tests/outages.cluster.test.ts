import { describeEachPostgres } from '@outpost/lab/testing'
import { describe, expect, it, vi } from 'vitest'
import { inStates, untilReplicated } from './harness/drained.ts'
import { LiveWriter } from './harness/live-writer.ts'
import { endpointOf, type Stage, startStage, toMain } from './harness/stage.ts'

/**
 * Longer than a CALL's time-out (15 s) and its reconnection's (10 s to connect, 10 s for the first question) and the
 * backoff's cap (5 s) together.
 */
const outageMs = 42_000

interface Fault {
  readonly name: string
  begin(stage: Stage): Promise<void> | void
  end(stage: Stage): Promise<void> | void
  /** Whether main still gets transactions meanwhile. */
  readonly goesOn: boolean
}

const faults: readonly Fault[] = [
  { name: 'the link cut', begin: ({ link }) => link.cut(), end: ({ link }) => link.restore(), goesOn: false },
  {
    name: 'the link half-open',
    begin: ({ link }) => link.halfOpen(),
    end: ({ link }) => link.restore(),
    goesOn: false,
  },
  {
    name: 'a round trip of 250 ms',
    begin: ({ link }) => link.delay(250),
    end: () => undefined,
    goesOn: true,
  },
  {
    name: '10 kB/s',
    begin: ({ link }) => link.bandwidth(10_000),
    end: ({ link }) => link.bandwidth(null),
    goesOn: true,
  },
  {
    name: 'main stopped',
    begin: ({ cluster }) => cluster.primary.stop('immediate'),
    end: ({ cluster }) => cluster.primary.start(),
    goesOn: false,
  },
  {
    name: 'main frozen',
    begin: ({ cluster }) => cluster.primary.pause(),
    end: ({ cluster }) => cluster.primary.resume(),
    goesOn: false,
  },
  {
    name: 'main read-only',
    begin: ({ cluster }) => cluster.primary.setConfig({ default_transaction_read_only: true }),
    end: ({ cluster }) => cluster.primary.setConfig({ default_transaction_read_only: null }),
    goesOn: false,
  },
  {
    // Its own stream takes the same way and then reaches itself: a standby that follows nobody takes no writes either.
    name: 'a standby at the address of main',
    begin: ({ cluster, link }) => link.setTarget(toMain, endpointOf(cluster.standby)),
    end: ({ cluster, link }) => link.setTarget(toMain, endpointOf(cluster.primary)),
    goesOn: false,
  },
  {
    name: 'the replica stopped',
    begin: ({ cluster }) => cluster.standby.stop('immediate'),
    end: ({ cluster }) => cluster.standby.start(),
    goesOn: true,
  },
  {
    name: 'the replica frozen',
    begin: ({ cluster }) => cluster.standby.pause(),
    end: ({ cluster }) => cluster.standby.resume(),
    goesOn: true,
  },
]

// They mostly wait, so all of them wait at once.
vi.setConfig({ maxConcurrency: faults.length })

describeEachPostgres('P2: recording never waits', (pg) => {
  describe.concurrent(`${outageMs / 1000} s of`, () => {
    it.each(faults)(
      '$name',
      async (fault) => {
        const stage = await startStage(pg)
        try {
          await survive(stage, fault)
        } finally {
          await stage.stop()
        }
      },
      150_000,
    )
  })
})

async function survive(stage: Stage, fault: Fault): Promise<void> {
  const site = await stage.live.open()
  const writer = new LiveWriter({ streams: ['a', 'b'], everyMs: 200, readsBack: true })
  await writer.record(site, 5)
  await untilReplicated(site)
  await fault.begin(stage)
  const appliedBefore = inStates(site, ['applied', 'replicated', 'retained'])
  writer.start(site)
  await new Promise((resolve) => setTimeout(resolve, outageMs))
  await writer.stop()
  const appliedMeanwhile = inStates(site, ['applied', 'replicated', 'retained']) - appliedBefore
  const recorded = writer.latenciesMs.length - 10
  expect(recorded).toBeGreaterThan(100)
  expect(Math.max(...writer.latenciesMs)).toBeLessThan(2_000)
  expect(writer.missed).toEqual([])
  if (fault.goesOn) expect(appliedMeanwhile).toBeGreaterThan(recorded / 2)
  else expect(appliedMeanwhile).toBe(0)
  await fault.end(stage)
  await untilReplicated(site, 60_000)
  expect(inStates(site, ['rejected', 'parked'])).toBe(0)
  expect(await stage.ground.violations(writer.account)).toEqual([])
}
