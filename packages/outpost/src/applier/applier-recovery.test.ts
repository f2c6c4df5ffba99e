import { afterEach, describe, expect, it } from 'vitest'
import { OutpostError } from '../errors/outpost-error.ts'
import type { HelloRequest } from './main-session.ts'
import { openSiteAlone, type SiteAlone } from './site-alone.spec-suite.ts'

const full = () => new OutpostError('journal_full', 'The disk is full.')

describe('the applier after trouble at the site', () => {
  let site: SiteAlone
  afterEach(() => site.stop())

  it('N9: releases what a crash left parked behind a transaction that main has applied', async () => {
    site = openSiteAlone()
    const blocker = await site.append('a')
    await site.pass(5_000)
    expect(site.journal.status(blocker).state).toBe('applied')
    await site.applier.stop()
    const parked = await site.append('a', [blocker])
    await site.journal.setStatus([
      { from: parked, to: parked, status: { state: 'parked', parkedBy: [blocker] } },
    ])
    site.applier.start()
    await site.pass(5_000)
    expect(site.journal.status(parked).state).toBe('applied')
  })

  it('P11: a journal that cannot be written stops nothing for good: alarmed once, tried again', async () => {
    let isFull = true
    site = openSiteAlone({
      journal: (journal) => ({
        setStatus: async (changes) => {
          if (isFull) throw full()
          await journal.setStatus(changes)
        },
      }),
    })
    const seq = await site.append('a')
    await site.pass(60_000)
    expect(site.alarms.map(({ code }) => code)).toEqual(['journal'])
    isFull = false
    await site.pass(60_000)
    expect(site.journal.status(seq).state).toBe('applied')
  })

  it('P11: an error while an error is dealt with does not end the applier either', async () => {
    let isFull = true
    let isCursed = true
    site = openSiteAlone({
      journal: (journal) => ({
        setStatus: async (changes) => {
          if (isFull) throw full()
          await journal.setStatus(changes)
        },
      }),
      session: (session) => ({
        apply: async (call) => {
          if (isCursed && call.transactions.length > 0)
            throw Object.assign(new Error('cursed'), { code: 'XX000' })
          return await session.apply(call)
        },
      }),
    })
    const seq = await site.append('a')
    await site.pass(120_000)
    expect(site.alarms.map(({ code }) => code)).toContain('journal')
    isFull = false
    await site.pass(120_000)
    expect(site.journal.status(seq)).toMatchObject({ state: 'parked', parkedBy: 'stuck' })
    isCursed = false
    await site.pass(120_000)
    expect(site.journal.status(seq).state).toBe('applied')
  })

  it('P5, N11: one that main is lost with each time it meets it is parked as stuck, and the others go on', async () => {
    let isCursed = true
    const lost = Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' })
    site = openSiteAlone({
      session: (session) => ({
        apply: async (call) => {
          if (isCursed && call.transactions.some(({ seq }) => seq === 3)) throw lost
          return await session.apply(call)
        },
      }),
    })
    const seqs: number[] = []
    for (let i = 0; i < 10; i++) seqs.push(await site.append(`key ${i}`))
    await site.pass(180_000)
    const states = () => seqs.map((seq) => site.journal.status(seq).state)
    expect(states().filter((state) => state === 'applied')).toHaveLength(9)
    expect(site.journal.status(3)).toMatchObject({ parkedBy: 'stuck', message: lost.message })
    expect(site.alarms.map(({ code }) => code)).toContain('stuck')
    isCursed = false
    await site.pass(120_000)
    expect(new Set(states())).toEqual(new Set(['applied']))
  })

  it('P5: what waits in great number keeps nothing else from being sent, and its cone stays behind it', async () => {
    site = openSiteAlone()
    await site.pass(1_000)
    await site.applier.stop()
    const waiting: number[] = []
    for (let i = 0; i < 20_500; i++) waiting.push(await site.append(`w${i}`, [], 'missing'))
    const dependant = await site.append('w20499', [waiting.at(-1)!])
    const independent = await site.append('independent')
    site.applier.start()
    await site.pass(4_000)
    expect(site.journal.status(independent).state).toBe('applied')
    expect(site.journal.status(dependant).state).toBe('buffered')
  }, 60_000)

  it('N9: what waited is sent in its turn when what it needs has come, with its cone', async () => {
    site = openSiteAlone()
    const waiting = [await site.append('a', [], 'missing'), await site.append('b', [], 'missing')]
    const dependant = await site.append('a', [waiting[0]!])
    await site.pass(4_000)
    const bringer = await site.append('missing')
    await site.pass(8_000)
    expect([bringer, ...waiting, dependant].map((seq) => site.journal.status(seq).state)).toEqual(
      Array.from({ length: 4 }, () => 'applied'),
    )
  })

  it('N4: accepting a main holds for the one that was refused, once; else there is nothing to accept', async () => {
    let timeline = 7
    const remembered: (string | undefined)[] = []
    site = openSiteAlone({
      session: (session) => ({
        hello: async (request: HelloRequest) => {
          remembered.push(request.remembered)
          if (request.remembered !== undefined && timeline > 1)
            return { kind: 'stranger', system: '1', timeline }
          return await session.hello(request)
        },
      }),
    })
    const expectNothing = () =>
      expect(() => site.applier.acceptMain()).toThrow(expect.objectContaining({ code: 'nothing_to_accept' }))
    await site.append('a')
    await site.pass(5_000)
    expectNothing()
    const restart = async () => {
      await site.applier.stop()
      remembered.length = 0
      site.applier.start()
      await site.pass(5_000)
    }
    await restart()
    expect(site.applier.state).toMatchObject({ kind: 'blocked', alarm: { code: 'lineage_refused' } })
    timeline = 8
    site.applier.acceptMain()
    await site.pass(120_000)
    expect(site.applier.state).toMatchObject({ kind: 'blocked' })
    expect(remembered).not.toContain(undefined)
    site.applier.acceptMain()
    await site.pass(5_000)
    expect(['idle', 'running']).toContain(site.applier.state.kind)
    expectNothing()
    await restart()
    expect(site.applier.state).toMatchObject({ kind: 'blocked' })
    expect(remembered).not.toContain(undefined)
  })
})

describe('the applier stopped by equal rejections', () => {
  let site: SiteAlone
  afterEach(() => site.stop())

  it('N11: brings the count from CALL to CALL, rests until it is resumed, and then counts anew', async () => {
    const counts: number[] = []
    site = openSiteAlone({
      session: (session) => ({
        apply: async (call) => {
          const answer = await session.apply(call)
          if (answer.kind !== 'done' || call.transactions.length === 0) return answer
          const count = (call.streaks[0]?.count ?? 0) + 4
          counts.push(count)
          const streaks = [{ sqlstate: '42P01', message: 'no such table', shape: null, count }]
          return { ...answer, streaks, ...(count >= 10 && { stopped: 'streak' as const }) }
        },
      }),
    })
    for (const key of ['a', 'b', 'c']) {
      await site.append(key)
      await site.pass(5_000)
    }
    expect(counts).toEqual([4, 8, 12])
    const later = await site.append('d')
    await site.pass(24 * 3_600_000)
    expect(site.applier.state).toMatchObject({
      kind: 'blocked',
      isFinal: true,
      alarm: { code: 'rejections' },
    })
    expect(site.alarms).toHaveLength(1)
    expect(site.journal.status(later).state).toBe('buffered')
    site.applier.resume()
    await site.pass(5_000)
    expect(site.journal.status(later).state).toBe('applied')
    expect(counts).toEqual([4, 8, 12, 4])
  })

  it('is resumed only when it is blocked, also by whoever hears the alarm', async () => {
    let isStopping = true
    site = openSiteAlone({
      onAlarm: () => site.applier.resume(),
      session: (session) => ({
        apply: async (call) => {
          const answer = await session.apply(call)
          if (!isStopping || answer.kind !== 'done' || call.transactions.length === 0) return answer
          isStopping = false
          return { ...answer, stopped: 'streak' }
        },
      }),
    })
    const expectNothing = () =>
      expect(() => site.applier.resume()).toThrow(expect.objectContaining({ code: 'nothing_to_resume' }))
    expectNothing()
    await site.append('a')
    await site.pass(5_000)
    const next = await site.append('b')
    await site.pass(5_000)
    expect(site.journal.status(next).state).toBe('applied')
    expectNothing()
  })
})
