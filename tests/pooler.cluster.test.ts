import { Pgbouncer, waitFor } from '@outpost/lab'
import { describeEachPostgresWithPgbouncer } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { Bookkeeper } from './harness/bookkeeper.ts'
import { inStates, untilApplied, untilReplicated } from './harness/drained.ts'
import { LiveReaders } from './harness/live-readers.ts'
import { LiveWriter } from './harness/live-writer.ts'
import { RecorderProcess } from './harness/recorder-process.ts'
import { ReplaceableMain } from './harness/replaceable-main.ts'
import { endpointOf } from './harness/stage.ts'

describeEachPostgresWithPgbouncer('in transaction mode', (pg) => {
  it('P1-P6: records while cut off, is killed, restarts, reads and arrives once', async () => {
    const poolers: Pgbouncer[] = []
    const servers = await ReplaceableMain.start(pg, async ({ mainLink, replica }) => {
      const toMain = await Pgbouncer.start({ target: mainLink })
      const toReplica = await Pgbouncer.start({ target: replica })
      poolers.push(toMain, toReplica)
      return { mainEndpoint: toMain, replicaEndpoint: toReplica }
    })
    try {
      const books = new Bookkeeper(['a', 'b'])
      const { ground, live } = servers
      const record = (perStream: number) =>
        new RecorderProcess({ site: ground.site, streams: books.streams, perStream }, books.note)
      const first = record(5)
      await first.until('drained')
      await first.finish()
      servers.link('main').cut()
      const second = record(20)
      await second.until('recorded')
      await second.kill()
      const site = await live.open()
      const writer = new LiveWriter({ streams: ['c'], everyMs: 3 })
      const readers = new LiveReaders(writer)
      await writer.record(site, 10)
      readers.start(site, 2)
      servers.link('main').restore()
      await untilReplicated(site)
      await readers.stop()
      expect(readers.reads).toBeGreaterThan(3)
      expect(readers.faults).toEqual({ missed: [], doubled: [], torn: [], vanished: [], failed: [] })
      const acknowledged = [...books.account.acknowledged, ...writer.account.acknowledged]
      expect(acknowledged).toHaveLength(60)
      expect(await ground.violations({ acknowledged, inDoubt: books.account.inDoubt })).toEqual([])
    } finally {
      await servers.stop()
      await Promise.all(poolers.map(async (pooler) => await pooler.stop()))
    }
  }, 120_000)

  it('P8: the pooler hides that main was replaced: no connection breaks, and the lost are applied again', async () => {
    const poolers: Pgbouncer[] = []
    const servers = await ReplaceableMain.start(pg, async ({ main }) => {
      const pooler = await Pgbouncer.start({ target: endpointOf(main) })
      poolers.push(pooler)
      return { mainEndpoint: pooler }
    })
    try {
      const { candidates, ground, live } = servers
      const site = await live.open()
      const writer = new LiveWriter({ streams: ['a', 'b', 'c', 'd'], everyMs: 0 })
      await writer.record(site, 5)
      await untilReplicated(site)
      await servers.holdBack({ replicaToo: true })
      await writer.record(site, 10)
      await untilApplied(site)
      const linksBefore = live.events.filter(({ kind }) => kind === 'link').length
      await candidates[0].promote()
      const pooler = poolers[0]!
      await pooler.admin('PAUSE')
      await pooler.setTarget(endpointOf(candidates[0]))
      await pooler.admin('RESUME')
      await writer.record(site, 5)
      const redriven = () => live.events.some((event) => event.kind === 'lineage' && event.redriven >= 40)
      await waitFor(redriven, { what: 'the lost being applied again' })
      await servers.followWithReplica(candidates[0])
      await untilReplicated(site)
      // The site never saw its connection to main go.
      expect(live.events.filter(({ kind }) => kind === 'link')).toHaveLength(linksBefore)
      expect(inStates(site, ['rejected', 'parked'])).toBe(0)
      expect(await ground.violations(writer.account, candidates[0])).toEqual([])
    } finally {
      await servers.stop()
      await Promise.all(poolers.map(async (pooler) => await pooler.stop()))
    }
  }, 120_000)
})
