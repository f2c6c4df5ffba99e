import { waitFor } from '@outpost/lab'
import { describeEachPostgres } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { inStates, untilApplied, untilReplicated } from './harness/drained.ts'
import { LiveReaders } from './harness/live-readers.ts'
import { LiveWriter } from './harness/live-writer.ts'
import { ReplaceableMain } from './harness/replaceable-main.ts'

/** More than are looked up in the journal, and put back into the overlay, at once. */
const lost = 1_500
const streams = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']

describeEachPostgres(
  'P8: main is replaced by a standby that lacked more than a thousand transactions',
  (pg) => {
    it('they are applied again once and in order, with what is recorded meanwhile, and no reader sees a row vanish', async () => {
      const servers = await ReplaceableMain.start(pg)
      try {
        const { candidates, ground, live } = servers
        const [next] = candidates
        const site = await live.open()
        const writer = new LiveWriter({ streams, everyMs: 0 })
        await writer.record(site, 2)
        await untilReplicated(site)
        await servers.holdBack({ replicaToo: false })
        await writer.record(site, lost / streams.length)
        // The replica has them too: they have left the overlay, and must come back into it.
        await untilReplicated(site)
        const readers = new LiveReaders(writer)
        readers.start(site, 1)
        await servers.failOverTo(next)
        await writer.record(site, 3)
        await waitFor(() => redriven() >= lost, { what: 'the re-drive', deadlineMs: 60_000 })
        await untilApplied(site)
        await servers.rebuildReplica(next)
        await untilReplicated(site)
        await readers.stop()
        expect(redriven()).toBe(lost)
        expect(readers.faults).toEqual({ missed: [], doubled: [], torn: [], vanished: [], failed: [] })
        expect(readers.reads).toBeGreaterThan(0)
        expect(inStates(site, ['rejected', 'parked'])).toBe(0)
        expect(await ground.violations(writer.account, next)).toEqual([])

        function redriven(): number {
          return live.events.reduce((sum, event) => sum + (event.kind === 'lineage' ? event.redriven : 0), 0)
        }
      } finally {
        await servers.stop()
      }
    }, 120_000)
  },
)
