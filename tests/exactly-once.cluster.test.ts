import { cp, rm } from 'node:fs/promises'
import { waitFor } from '@outpost/lab'
import { describeEachPostgres } from '@outpost/lab/testing'
import type { Site } from 'outpost/site'
import { expect, it } from 'vitest'
import { Bookkeeper } from './harness/bookkeeper.ts'
import { CallGate } from './harness/call-gate.ts'
import { inStates, untilReplicated } from './harness/drained.ts'
import { prepareGround } from './harness/ground.ts'
import { HeldCounter } from './harness/held-call.ts'
import { LiveSite } from './harness/live-site.ts'
import { LiveWriter } from './harness/live-writer.ts'
import { RecorderProcess } from './harness/recorder-process.ts'
import { replaceMethods } from './harness/replace-methods.ts'
import { type Stage, type StageOptions, startStage } from './harness/stage.ts'

describeEachPostgres('P3: exactly once', (pg) => {
  const onStage =
    (run: (stage: Stage, gate: CallGate) => Promise<void>, options: StageOptions = {}) =>
    async () => {
      const gate = new CallGate()
      const stage = await startStage(pg, { seams: gate.seams, ...options })
      try {
        await run(stage, gate)
      } finally {
        await stage.stop()
      }
    }

  it(
    'the acknowledgement of a committed batch is lost',
    onStage(async (stage, gate) => {
      const { cluster, ground, link, live } = stage
      const site = await live.open()
      const writer = await warmedUp(site)
      const held = await HeldCounter.hold(cluster.primary, ground, 'b')
      await recordBatch(site, gate, writer)
      const backend = await held.untilCallWaits()
      link.halfOpen()
      await held.release()
      await untilAnswered(stage, backend)
      const unbooked = inStates(site, ['buffered'])
      // What was held is dropped: the answer never arrives.
      link.cut()
      link.restore()
      expect(unbooked).toBeGreaterThan(0)
      await expectOnce(stage, site, writer)
    }),
    120_000,
  )

  it(
    'N8: the site is killed while its CALL stands in the middle of a batch, and its next life ends that CALL',
    onStage(async ({ cluster, ground }) => {
      const books = new Bookkeeper(['a', 'b', 'c', 'd'])
      const record = (perStream: number) =>
        new RecorderProcess({ site: ground.site, streams: books.streams, perStream }, books.note)
      const first = record(1)
      await first.until('drained')
      await first.finish()
      const held = await HeldCounter.hold(cluster.primary, ground, 'b')
      const second = record(6)
      await second.until('recorded')
      const hanging = await held.untilCallWaits()
      await second.kill()
      const third = record(6)
      try {
        expect(await held.untilCallWaits({ not: hanging })).not.toBe(hanging)
        await held.release()
        await third.until('drained')
        await third.finish()
      } finally {
        await third.kill()
      }
      expect(books.contradictions).toEqual([])
      expect(books.account.acknowledged).toHaveLength(4 * 13)
      expect(await ground.violations(books.account)).toEqual([])
    }),
    120_000,
  )

  it(
    'main crashes with a batch half made durable',
    onStage(
      async (stage, gate) => {
        const { cluster, ground, live } = stage
        const site = await live.open()
        const writer = await warmedUp(site)
        const before = (await ground.readMain()).ledger.length
        const first = await HeldCounter.hold(cluster.primary, ground, 'a')
        const second = await HeldCounter.hold(cluster.primary, ground, 'd')
        await recordBatch(site, gate, writer)
        // The counters of `a` and `d` stand in one batch: between both locks transactions commit asynchronously.
        await first.untilCallWaits()
        await flush(stage)
        await first.release()
        await second.untilCallWaits()
        const visible = (await ground.readMain()).ledger.length - before
        await cluster.primary.kill()
        await second.release()
        await cluster.primary.start()
        const survived = (await ground.readMain()).ledger.length - before
        expect(survived).toBeGreaterThan(0)
        expect(survived).toBeLessThan(visible)
        await expectOnce(stage, site, writer)
      },
      { config: { wal_writer_delay: '10s', wal_writer_flush_after: '100MB', autovacuum: false } },
    ),
    120_000,
  )

  it('a batch is sent twice: the second time main answers what it had stored', async () => {
    let resent = 0
    await onStage(
      async (stage) => {
        const site = await stage.live.open()
        const writer = await warmedUp(site)
        await writer.record(site, 10)
        await expectOnce(stage, site, writer)
        expect(resent).toBeGreaterThan(0)
      },
      {
        seams: {
          sessions: (open) => async (signal) => {
            const session = await open(signal)
            const apply = async (call: Parameters<typeof session.apply>[0]) => {
              await session.apply(call)
              resent += 1
              return await session.apply(call)
            }
            return replaceMethods(session, { apply })
          },
        },
      },
    )()
  }, 120_000)

  it(
    'the old copy of a journal is put back: what it lacks is not lost, what main has is not doubled',
    onStage(async ({ ground, live, link }) => {
      const path = ground.site.journalPath
      const site = await live.open()
      const writer = await warmedUp(site)
      link.cut()
      await writer.record(site, 5)
      await live.stop()
      await cp(path, `${path}-copy`, { recursive: true })
      link.restore()
      const later = await live.open()
      await writer.record(later, 5)
      await untilReplicated(later)
      await live.stop()
      await rm(path, { recursive: true })
      await cp(`${path}-copy`, path, { recursive: true })
      const restored = await live.open()
      // Other streams: a client whose answer the copy has forgotten would be a new request.
      const afterwards = new LiveWriter({ streams: ['e', 'f'], everyMs: 0 })
      await afterwards.record(restored, 10)
      await untilReplicated(restored)
      expect(inStates(restored, ['rejected', 'parked'])).toBe(0)
      const acknowledged = [...writer.account.acknowledged, ...afterwards.account.acknowledged]
      expect(await ground.violations({ acknowledged, inDoubt: [] })).toEqual([])
    }),
    120_000,
  )

  it(
    'N2, N8: two appliers of one site: whoever is fenced comes back, nothing is lost or doubled',
    onStage(async (stage, gate) => {
      const { cluster, ground } = stage
      const other = await prepareGround({ main: cluster.primary, replica: cluster.standby })
      const site = await stage.live.open()
      const twin = new LiveSite({ ...ground, site: { ...ground.site, journalPath: other.site.journalPath } })
      try {
        const writer = await warmedUp(site)
        const held = await HeldCounter.hold(cluster.primary, ground, 'b')
        await recordBatch(site, gate, writer)
        await held.untilCallWaits()
        // The twin's hello ends the CALL that hangs in the middle of its batch.
        const twinSite = await twin.open()
        const twinWriter = new LiveWriter({ streams: ['x', 'y'], everyMs: 0 })
        await twinWriter.record(twinSite, 10)
        await waitFor(() => inStates(twinSite, ['applied', 'replicated']) > 0, { what: 'the twin going on' })
        await held.release()
        await Promise.all([untilReplicated(site, 60_000), untilReplicated(twinSite, 60_000)])
        expect([...stage.live.alarms, ...twin.alarms]).toContain('epoch_fenced')
        expect(inStates(site, ['rejected', 'parked']) + inStates(twinSite, ['rejected', 'parked'])).toBe(0)
        const acknowledged = [...writer.account.acknowledged, ...twinWriter.account.acknowledged]
        expect(await ground.violations({ acknowledged, inDoubt: [] })).toEqual([])
      } finally {
        await twin.stop()
        await other.clear()
      }
    }),
    120_000,
  )

  it(
    'N22: one Idempotency-Key twice at once and across a restart is one transaction',
    onStage(async ({ ground, link, live }) => {
      const site = await live.open()
      link.cut()
      const send = (to: Site, note: string, requestDigest: string) => {
        const transaction = to.transaction()
        transaction.insert('audit', { stream: 'once', n: note.length, note })
        return to.append(transaction, {
          idempotency: { scope: 'token 1', key: 'k', requestDigest },
          answer: ({ id }) => ({ status: 201, body: { id } }),
        })
      }
      const both = await Promise.all([send(site, 'same', 'd'), send(site, 'same', 'd')])
      const again = await live.restart()
      const third = await send(again, 'same', 'd')
      expect(new Set([...both, third].map(({ transactionId }) => transactionId)).size).toBe(1)
      expect([...both, third].map(({ answer }) => answer)).toEqual(Array(3).fill(both[0]!.answer))
      expect([...both, third].filter(({ isReplayed }) => isReplayed)).toHaveLength(2)
      await expect(send(again, 'other', 'e')).rejects.toMatchObject({ code: 'idempotency_conflict' })
      link.restore()
      await untilReplicated(again)
      const main = await ground.readMain()
      expect(main.ledger).toMatchObject([{ id: third.transactionId, outcome: 'applied' }])
      expect([...main.tables.get('audit')!.keys()]).toEqual(['once 4'])
    }),
    120_000,
  )
})

/** A writer whose four streams are open on main. */
async function warmedUp(site: Site): Promise<LiveWriter> {
  const writer = new LiveWriter({ streams: ['a', 'b', 'c', 'd'], everyMs: 0 })
  await writer.record(site, 1)
  await untilReplicated(site)
  return writer
}

/** Records a backlog that goes in one CALL but for its first transaction; each stream steps its counter in it. */
async function recordBatch(site: Site, gate: CallGate, writer: LiveWriter): Promise<void> {
  gate.close()
  await writer.record(site, 6)
  gate.open()
}

/** Waits until a CALL's backend has committed everything and sent its answer. */
async function untilAnswered({ cluster }: Stage, backend: number): Promise<void> {
  const isIdle = async () => {
    const rows = await cluster.primary.query<{ state: string }>(
      'SELECT state FROM pg_stat_activity WHERE pid = $1',
      [backend],
    )
    return rows[0]?.state === 'idle'
  }
  await waitFor(isIdle, { what: 'the CALL being answered' })
}

/** A checkpoint makes everything committed so far durable. */
async function flush({ cluster }: Stage): Promise<void> {
  await cluster.primary.query('CHECKPOINT')
}

async function expectOnce(stage: Stage, site: Site, writer: LiveWriter): Promise<void> {
  await untilReplicated(site)
  expect(inStates(site, ['rejected', 'parked'])).toBe(0)
  expect(await stage.ground.violations(writer.account)).toEqual([])
}
