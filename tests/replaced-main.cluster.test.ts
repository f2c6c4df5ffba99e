import { waitFor } from '@outpost/lab'
import { describeEachPostgres } from '@outpost/lab/testing'
import type { Site } from 'outpost/site'
import { expect, it } from 'vitest'
import { inStates, untilApplied, untilReplicated } from './harness/drained.ts'
import { keepCopy } from './harness/keep-copy.ts'
import { LiveReaders } from './harness/live-readers.ts'
import { LiveWriter } from './harness/live-writer.ts'
import { ReplaceableMain } from './harness/replaceable-main.ts'

const noFaults = { missed: [], doubled: [], torn: [], vanished: [], failed: [] }

describeEachPostgres('P8: main is replaced by a standby that lacked the last transactions', (pg) => {
  const onServers = (run: (servers: ReplaceableMain) => Promise<void>) => async () => {
    const servers = await ReplaceableMain.start(pg)
    try {
      await run(servers)
    } finally {
      await servers.stop()
    }
  }

  it(
    'the local replica is behind the fork: applied again once and in order, and no reader sees a row vanish',
    onServers(async (servers) => {
      const { candidates, ground, live } = servers
      const site = await live.open()
      const { writer, readers } = await underLoad(site)
      await servers.holdBack({ replicaToo: true })
      const lost = await recordLost(site, writer)
      await servers.failOverTo(candidates[0])
      await servers.followWithReplica(candidates[0])
      await untilRedriven(servers, lost)
      await writer.record(site, 5)
      await untilReplicated(site)
      await readers.stop()
      expect(readers.faults).toEqual(noFaults)
      expect(inStates(site, ['rejected', 'parked'])).toBe(0)
      expect(await ground.violations(writer.account, candidates[0])).toEqual([])
    }),
    120_000,
  )

  it(
    'the local replica is ahead of the fork and then rebuilt: the same',
    onServers(async (servers) => {
      const { candidates, ground, live } = servers
      const site = await live.open()
      const { writer, readers } = await underLoad(site)
      await servers.holdBack({ replicaToo: false })
      const lost = await recordLost(site, writer)
      // The site has read their ledger rows on its replica and taken them out of the overlay.
      await untilReplicated(site)
      await servers.failOverTo(candidates[0])
      await untilRedriven(servers, lost)
      await writer.record(site, 5)
      await untilApplied(site)
      // N15: a replica of the lost branch confirms nothing.
      expect(inStates(site, ['applied'])).toBeGreaterThanOrEqual(lost + 20)
      await servers.rebuildReplica(candidates[0])
      await untilReplicated(site, 60_000)
      await readers.stop()
      expect(readers.faults).toEqual(noFaults)
      expect(inStates(site, ['rejected', 'parked'])).toBe(0)
      expect(await ground.violations(writer.account, candidates[0])).toEqual([])
    }),
    120_000,
  )

  it(
    'N4: two standbys promoted apart: the site refuses the one outside its lineage until it is accepted',
    onServers(async (servers) => {
      const { candidates, ground, live } = servers
      const [first, second] = candidates
      const site = await live.open()
      const writer = await warmedUp(site)
      await servers.holdBack({ replicaToo: true })
      const lost = await recordLost(site, writer)
      await servers.failOverTo(first)
      await untilRedriven(servers, lost)
      await untilApplied(site)
      await second.promote()
      servers.pointAt(second)
      await waitFor(() => live.alarms.includes('lineage_refused'), { what: 'the refusal' })
      const before = (await ground.readMain(second)).ledger.length
      await writer.record(site, 5)
      expect((await ground.readMain(second)).ledger.length).toBe(before)
      expect(inStates(site, ['buffered'])).toBe(20)
      await site.acceptMain()
      await untilApplied(site)
      expect(inStates(site, ['rejected', 'parked'])).toBe(0)
      expect(await ground.violations(writer.account, second)).toEqual([])
    }),
    120_000,
  )
})

describeEachPostgres('P8: main is restored', (pg) => {
  it('from an older cold copy, on the same timeline: what the copy lacks is applied again', async () => {
    const servers = await ReplaceableMain.start(pg)
    try {
      const { ground, live, main } = servers
      const site = await live.open()
      const writer = await warmedUp(site)
      await main.stop()
      const backup = await keepCopy(main)
      await main.start()
      const lost = await recordLost(site, writer)
      await untilReplicated(site)
      await main.stop('immediate')
      await backup.putBack()
      await main.start()
      await untilRedriven(servers, lost)
      await servers.rebuildReplica(main)
      await writer.record(site, 5)
      await untilReplicated(site)
      expect(inStates(site, ['rejected', 'parked'])).toBe(0)
      expect(await ground.violations(writer.account)).toEqual([])
    } finally {
      await servers.stop()
    }
  }, 120_000)
})

async function warmedUp(site: Site): Promise<LiveWriter> {
  const writer = new LiveWriter({ streams: ['a', 'b', 'c', 'd'], everyMs: 0 })
  await writer.record(site, 5)
  await untilReplicated(site)
  return writer
}

async function underLoad(site: Site): Promise<{ writer: LiveWriter; readers: LiveReaders }> {
  const writer = await warmedUp(site)
  const readers = new LiveReaders(writer)
  readers.start(site, 2)
  return { writer, readers }
}

/** Records what the next main will lack, and how many transactions that are. */
async function recordLost(site: Site, writer: LiveWriter): Promise<number> {
  const before = writer.account.acknowledged.length
  await writer.record(site, 10)
  await untilApplied(site)
  return writer.account.acknowledged.length - before
}

async function untilRedriven({ live }: ReplaceableMain, lost: number): Promise<void> {
  const redriven = () =>
    live.events.reduce((sum, event) => sum + (event.kind === 'lineage' ? event.redriven : 0), 0) >= lost
  await waitFor(redriven, { what: `${lost} transactions being applied again`, deadlineMs: 30_000 })
}
