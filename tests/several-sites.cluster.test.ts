import { waitFor } from '@outpost/lab'
import { describeEachPostgres } from '@outpost/lab/testing'
import type { Site } from 'outpost/site'
import { expect, it } from 'vitest'
import { inStates, untilReplicated } from './harness/drained.ts'
import { SeveralSites, type SiteOfSeveral } from './harness/several-sites.ts'

const noFaults = { missed: [], doubled: [], torn: [], vanished: [], failed: [] }
const perSite = 25

/** Watches at one site what all sites recorded: what its replica has shown once stays. Main may be ahead of that. */
class Onlooker {
  readonly vanished: string[] = []
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  readonly #seen = new Map<string, number>()

  constructor(site: Site) {
    this.#running = this.#watch(site)
    this.#running.catch(() => undefined)
  }

  /** Fails with the first read that failed. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #watch(site: Site): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const { rows, servedBy, why } = await site.read<{ stream: string; count: string }>(
        'SELECT stream, count(*) FROM audit GROUP BY stream',
      )
      if (servedBy !== 'replica') continue
      const counts = new Map(rows.map(({ stream, count }) => [stream, Number(count)]))
      for (const [stream, before] of this.#seen)
        if ((counts.get(stream) ?? 0) < before) this.vanished.push(`${stream}: ${before} (${why})`)
      for (const [stream, count] of counts) this.#seen.set(stream, count)
    }
  }
}

describeEachPostgres('three sites and one main', (pg) => {
  it('P1-P8: each keeps every promise while lines fail one by one and main is replaced', async () => {
    const all = await SeveralSites.start(pg, 3)
    const onlookers: Onlooker[] = []
    try {
      for (const { live, readers, writer } of all.sites) {
        await writer.record(live.site, 2)
        writer.start(live.site)
        readers.start(live.site, 1)
        onlookers.push(new Onlooker(live.site))
      }
      const [observatory, first, second] = all.sites as [SiteOfSeveral, SiteOfSeveral, SiteOfSeveral]
      observatory.calls.cut()
      observatory.wal.cut()
      first.calls.halfOpen()
      await untilRecorded(all, perSite)
      // The third goes on to main while the others are alone.
      await waitFor(() => inStates(second.live.site, ['replicated', 'retained', 'gone']) > perSite, {
        what: 'the site whose line holds',
      })
      for (const link of [observatory.calls, observatory.wal, first.calls]) link.restore()
      await stopWriters(all)
      for (const { live } of all.sites) await untilReplicated(live.site)
      expect(await all.violations()).toEqual([])
      await all.holdBack()
      for (const { live, writer } of all.sites) await writer.record(live.site, 10)
      for (const { live } of all.sites)
        await waitFor(() => inStates(live.site, ['buffered']) === 0, { what: 'what main will lose' })
      await all.failOver()
      for (const { live, writer } of all.sites) await writer.record(live.site, 5)
      for (const { live } of all.sites) {
        // Two streams of ten were lost; each site finds out by itself which of its own.
        await waitFor(() => redriven(live) >= 20, { what: 'what main has lost' })
        await untilReplicated(live.site)
      }
      for (const { readers } of all.sites) await readers.stop()
      for (const onlooker of onlookers) await onlooker.stop()
      expect(all.sites.map(({ readers }) => readers.faults)).toEqual(all.sites.map(() => noFaults))
      expect(all.sites.map(({ writer }) => writer.missed)).toEqual(all.sites.map(() => []))
      expect(onlookers.map(({ vanished }) => vanished)).toEqual(onlookers.map(() => []))
      expect(all.sites.map(({ live }) => inStates(live.site, ['rejected', 'parked']))).toEqual([0, 0, 0])
      expect(await all.violations()).toEqual([])
    } finally {
      for (const { readers, writer } of all.sites) await Promise.allSettled([readers.stop(), writer.stop()])
      await Promise.allSettled(onlookers.map((onlooker) => onlooker.stop()))
      await all.stop()
    }
  }, 240_000)
})

/** Transactions that the site applied again because a new main lacked them. */
function redriven({ events }: SiteOfSeveral['live']): number {
  return events.reduce((sum, event) => sum + (event.kind === 'lineage' ? event.redriven : 0), 0)
}

async function untilRecorded(all: SeveralSites, count: number): Promise<void> {
  const streams = all.sites.flatMap(({ writer }) => writer.streams.map((stream) => ({ writer, stream })))
  await waitFor(() => streams.every(({ writer, stream }) => writer.newest(stream) >= count), {
    what: 'every site to record',
  })
}

async function stopWriters(all: SeveralSites): Promise<void> {
  for (const { writer } of all.sites) await writer.stop()
}
