import { describeRedis, useRedis } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import type { Journal, StatusChange } from '../journal.ts'
import { sampleDraft, sampleIdempotentDraft } from '../sample-draft.spec-suite.ts'
import { ask, useRedisSites } from './redis-site.spec-suite.ts'

describeRedis('Redis journal of several processes', () => {
  const redis = useRedis()
  const makeSite = useRedisSites(redis)

  const seqsToldBy = (journal: Journal): number[] => {
    const told: number[] = []
    journal.onDurable((records) => told.push(...records.map(({ seq }) => seq)))
    return told
  }

  it('N23: what one has acknowledged, another has folded when it has caught up', async () => {
    const site = makeSite()
    const [one, two] = [await site.open(), await site.open()]
    const told = seqsToldBy(two)
    for (let number = 1; number <= 50; number += 1) {
      const { seq } = await one.append(sampleDraft(number))
      await two.catchUp()
      expect(told.at(-1)).toBe(seq)
      expect(two.status(seq)).toEqual({ state: 'buffered' })
      await one.setStatus([{ from: seq, to: seq, status: { state: 'applied', appliedAtMs: number } }])
    }
    await expect.poll(() => two.seqsIn('applied').length).toBe(50)
  })

  it('N23: each is told of every record once and in order, its own among the others', async () => {
    const site = makeSite()
    const journals = [await site.open(), await site.open(), await site.open()]
    const told = journals.map((journal) => seqsToldBy(journal))
    const records = await Promise.all(
      journals.flatMap((journal, index) =>
        Array.from({ length: 4 }, async (_, writer) => {
          const seqs: number[] = []
          for (let round = 0; round < 50; round += 1) {
            const { seq } = await journal.append(sampleDraft(1 + round + 50 * (writer + 4 * index)))
            expect(told[index]).toContain(seq)
            seqs.push(seq)
          }
          return seqs
        }),
      ),
    )
    await Promise.all(journals.map((journal) => journal.catchUp()))
    const all = Array.from({ length: 600 }, (_, index) => index + 1)
    expect(records.flat().sort((a, b) => a - b)).toEqual(all)
    expect(told).toEqual([all, all, all])
  })

  it('tells whoever listens later of what came in before', async () => {
    const site = makeSite()
    const [one, two] = [await site.open(), await site.open()]
    await one.append(sampleDraft(1))
    await one.setStatus([{ from: 1, to: 1, status: { state: 'applied' } }])
    await expect.poll(() => two.seqsIn('applied')).toEqual([1])
    expect(seqsToldBy(two)).toEqual([1])
    const changes: StatusChange[] = []
    two.sharing!.onStatus((more) => void changes.push(...more))
    await two.catchUp()
    expect(changes).toEqual([{ from: 1, to: 1, status: { state: 'applied' } }])
  })

  it('N22: an append is overtaken by a later record on what it writes or refers to, and by nothing else', async () => {
    const site = makeSite()
    const [one, two] = [await site.open(), await site.open()]
    await one.append(sampleDraft(1, { writes: ['a', 'b'], references: ['c'] }))
    const append = (
      number: number,
      writes: readonly string[],
      references: readonly string[],
      checkedThrough = 0,
    ) => two.append(sampleDraft(number, { writes, references }), { checkedThrough })
    await expect(append(2, ['b'], [])).rejects.toMatchObject({ code: 'journal_overtaken' })
    await expect(append(2, [], ['a'])).rejects.toMatchObject({ code: 'journal_overtaken' })
    // Two that refer to the same row do not disturb each other.
    expect((await append(2, ['d'], ['c'])).seq).toBe(2)
    expect((await append(3, ['c'], [])).seq).toBe(3)
    expect((await append(4, ['a'], ['b'], two.lastSeq)).seq).toBe(4)
    expect(two.lastSeq).toBe(4)
  })

  it('N22: of two that have checked the same, in one turn of one process, the second is overtaken', async () => {
    const journal = await makeSite().open()
    const draft = (number: number) => sampleDraft(number, { writes: ['row'] })
    const outcomes = await Promise.allSettled(
      [1, 2].map((number) => journal.append(draft(number), { checkedThrough: 0 })),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  })

  it('N22: a check older than what can be looked through counts as overtaken', async () => {
    const journal = await makeSite().open()
    await Promise.all(Array.from({ length: 2_100 }, (_, index) => journal.append(sampleDraft(index + 1))))
    const draft = sampleDraft(3_000, { writes: ['alone'], references: [] })
    await expect(journal.append(draft, { checkedThrough: 50 })).rejects.toMatchObject({
      code: 'journal_overtaken',
    })
    expect((await journal.append(draft, { checkedThrough: 150 })).seq).toBe(2_101)
  })

  it('N22: one Idempotency-Key is stored once, whichever process was asked', async () => {
    const site = makeSite()
    const journals = [await site.open(), await site.open()]
    const outcomes = await Promise.allSettled(
      journals.map((journal, index) => journal.append(sampleIdempotentDraft(index + 1, 'key'))),
    )
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const hits = await Promise.all(
      journals.map((journal) => journal.findIdempotent('observatory/token-1', 'key')),
    )
    expect(hits[0]).toEqual(hits[1])
    expect(hits[0]).toBeDefined()
  })

  it('N8: one leads; others refuse to write statuses and follow when it goes', async () => {
    const site = makeSite()
    const [one, two] = [await site.open(), await site.open()]
    expect([one.sharing?.isLeading, two.sharing?.isLeading]).toEqual([true, false])
    await one.append(sampleDraft(1))
    await two.catchUp()
    const change: StatusChange = { from: 1, to: 1, status: { state: 'applied' } }
    await expect(two.setStatus([change])).rejects.toMatchObject({ code: 'not_leading' })
    await expect(two.setFact('lineage', 'a')).rejects.toMatchObject({ code: 'not_leading' })
    await expect(two.openEpoch()).rejects.toMatchObject({ code: 'not_leading' })
    await expect(two.drop(1)).rejects.toMatchObject({ code: expect.any(String) as string })
    const leads: boolean[] = []
    two.sharing!.onLead((isLeading) => leads.push(isLeading))
    await one.setStatus([change])
    await one.stop()
    await expect.poll(() => two.sharing?.isLeading, { timeout: 10_000 }).toBe(true)
    expect(leads).toEqual([true])
    await two.catchUp()
    expect(two.status(1)).toEqual({ state: 'applied' })
    await two.setStatus([{ from: 1, to: 1, status: { state: 'replicated' } }])
    expect(two.epoch).toBe(one.epoch)
  })

  it('N8: a leader that loses the lead and wins it again knows what it wrote before', async () => {
    const site = makeSite()
    const one = await site.open({ leadMs: 300 })
    const two = await site.open({ leadMs: 300 })
    await Promise.all([1, 2].map((number) => one.append(sampleDraft(number))))
    for (const state of ['applied', 'replicated'] as const) {
      await one.setStatus([{ from: 1, to: 1, status: { state } }])
      await one.catchUp()
    }
    await expect
      .poll(async () => {
        await two.catchUp()
        return two.status(1).state
      })
      .toBe('replicated')
    const leads: boolean[] = []
    one.sharing!.onLead((isLeading) => leads.push(isLeading))
    await ask(redis(), 'SET', `{outpost:${site.name}}:leader`, 'somebody else', 'PX', '600')
    await expect.poll(() => leads.at(0), { timeout: 5_000 }).toBe(false)
    await one.catchUp()
    expect(one.status(1).state).toBe('replicated')
    await two.stop()
    await expect.poll(() => one.sharing?.isLeading, { timeout: 5_000 }).toBe(true)
    await one.setStatus([{ from: 2, to: 2, status: { state: 'applied' } }])
    const late = await site.open()
    await expect
      .poll(async () => {
        await late.catchUp()
        return [1, 2].map((seq) => late.status(seq).state)
      })
      .toEqual(['replicated', 'applied'])
  })

  it('facts, epochs and drops of the leader reach the others', async () => {
    const site = makeSite()
    const [one, two] = [await site.open(), await site.open()]
    await Promise.all(Array.from({ length: 700 }, (_, index) => one.append(sampleDraft(index + 1))))
    await one.setFact('lineage', 'a')
    const epoch = await one.openEpoch()
    for (const state of ['applied', 'replicated', 'retained'] as const) {
      await one.setStatus([{ from: 1, to: 650, status: { state } }])
    }
    await one.drop(650)
    await two.catchUp()
    expect(two.getFact('lineage')).toBe('a')
    expect([two.epoch, two.firstSeq, two.lastSeq]).toEqual([epoch, 651, 700])
    expect(two.statistics()).toEqual(one.statistics())
    expect(two.statistics().counts).toMatchObject({ gone: 650, buffered: 50 })
    const late = await site.open()
    expect(late.statistics()).toEqual(one.statistics())
  })

  it('keeps statuses when their changes are folded, for one that comes and one that lags', async () => {
    const site = makeSite()
    const [one, lagging] = [await site.open(), await site.open()]
    await Promise.all(Array.from({ length: 600 }, (_, index) => one.append(sampleDraft(index + 1))))
    for (let round = 0; round < 1_300; round += 1) {
      const seq = 1 + (round % 600)
      await one.setStatus([{ from: seq, to: seq, status: { state: 'buffered', attempts: round } }])
      // Each is stored by itself.
      if (round % 2 === 0) await one.catchUp()
    }
    await one.setStatus([{ from: 1, to: 300, status: { state: 'applied', lineage: 'l' } }])
    const late = await expectSame(one, () => site.open())
    expect(late.status(300)).toMatchObject({ state: 'applied', lineage: 'l' })
    await expectSame(one, async () => lagging)
  })

  async function expectSame(one: Journal, open: () => Promise<Journal>): Promise<Journal> {
    const other = await open()
    await expect
      .poll(async () => {
        await other.catchUp()
        return other.seqsIn('applied').length
      })
      .toBe(300)
    for (let seq = 1; seq <= 600; seq += 1) expect(other.status(seq)).toEqual(one.status(seq))
    return other
  }
})
