import { afterEach, describe, expect, it } from 'vitest'
import type { ApplierAlarm } from '../applier/applier-options.ts'
import { emptyDisk, type MemoryDisk, openMemoryJournal } from '../applier/memory-journal.spec-suite.ts'
import { SimulatedClock } from '../applier/simulated-clock.spec-suite.ts'
import { sampleDraft } from '../journal/sample-draft.spec-suite.ts'
import { type Effect, EffectRunner } from './effect-runner.ts'

describe('EffectRunner', () => {
  const clock = new SimulatedClock()
  const stops: (() => Promise<void>)[] = []

  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop()
  })

  const passed = (ms: number) => clock.runUntil(clock.nowMs() + ms)

  async function run(disk: MemoryDisk, effect: Effect, timeoutMs = 60_000) {
    const journal = openMemoryJournal({ disk })
    const alarms: ApplierAlarm[] = []
    const runner = new EffectRunner({
      journal,
      clock,
      effect,
      timeoutMs,
      onAlarm: (alarm) => alarms.push(alarm),
    })
    await runner.start()
    const stop = async () => {
      const stopped = runner.stop()
      await passed(10_000)
      await stopped
    }
    stops.push(stop)
    return { journal, runner, alarms, stop }
  }

  async function applied(journal: ReturnType<typeof openMemoryJournal>, from: number, to = from) {
    await journal.setStatus([{ from, to, status: { state: 'applied' } }])
  }

  async function append(journal: ReturnType<typeof openMemoryJournal>, count: number) {
    for (let number = 1; number <= count; number++) await journal.append(sampleDraft(journal.lastSeq + 1))
  }

  it('runs each effect once and in order, and after a restart goes on where it was', async () => {
    const disk = emptyDisk()
    const ran: number[] = []
    const effect: Effect = async ({ record }) => void ran.push(record.seq)
    const first = await run(disk, effect)
    await append(first.journal, 5)
    await applied(first.journal, 1, 2)
    await applied(first.journal, 4)
    await passed(2_000)
    expect(ran).toEqual([1, 2, 4])
    expect(first.runner.oldestNeeded).toBe(3)
    await first.stop()
    const second = await run(disk, effect)
    await applied(second.journal, 3)
    await applied(second.journal, 5)
    second.runner.wake()
    await passed(10)
    expect(ran).toEqual([1, 2, 4, 3, 5])
    expect(second.runner.oldestNeeded).toBe(6)
  })

  it('begins with what main had not applied when it was first given', async () => {
    const disk = emptyDisk()
    const before = openMemoryJournal({ disk })
    await append(before, 3)
    await applied(before, 1, 2)
    const ran: number[] = []
    const { journal } = await run(disk, async ({ record }) => void ran.push(record.seq))
    await applied(journal, 3)
    await passed(2_000)
    expect(ran).toEqual([3])
  })

  it('P3: what a crash interrupts comes again, also when it is the first ever', async () => {
    const disk = emptyDisk()
    const started: number[] = []
    const first = await run(disk, ({ record }) => {
      started.push(record.seq)
      return new Promise(() => undefined)
    })
    await append(first.journal, 1)
    await applied(first.journal, 1)
    await passed(1_500)
    expect(started).toEqual([1])
    // The process is gone; nothing of it was told to stop.
    const ran: number[] = []
    await run(disk, async ({ record }) => void ran.push(record.seq))
    await passed(2_000)
    expect(ran).toEqual([1])
  })

  it('tries one that fails again, with one alarm, and lets the others wait', async () => {
    let isBroken = true
    const ran: number[] = []
    const { journal, runner, alarms } = await run(emptyDisk(), async ({ record }) => {
      if (isBroken) throw new Error('no mail server')
      ran.push(record.seq)
    })
    await append(journal, 2)
    await applied(journal, 1, 2)
    await passed(300_000)
    expect(alarms).toMatchObject([{ code: 'effects', message: expect.stringContaining('no mail server') }])
    expect(runner.state.failure).toBe('no mail server')
    isBroken = false
    await passed(60_000)
    expect(ran).toEqual([1, 2])
    expect(runner.state).toEqual({})
  })

  it('ends one that takes too long by its signal, and counts it as failed', async () => {
    const ends: boolean[] = []
    const { journal, runner } = await run(
      emptyDisk(),
      (_applied, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            ends.push(true)
            reject(new Error('gave up'))
          })
        }),
      2_000,
    )
    await append(journal, 1)
    await applied(journal, 1)
    await passed(3_500)
    expect(ends).toEqual([true])
    expect(runner.state.failure).toBe('gave up')
  })

  it('stops in bounded time when an effect heeds nothing', async () => {
    const { journal, stop } = await run(emptyDisk(), () => new Promise(() => undefined))
    await append(journal, 1)
    await applied(journal, 1)
    await passed(1_500)
    await stop()
  })
})
