import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Link, makeLabFolder, RedisServer, startLink } from '@outpost/lab'
import { describeRedis } from '@outpost/lab/testing'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Journal } from '../journal.ts'
import { productSettings } from '../lmdb/environment-settings.ts'
import type { RedisJournalOptions } from '../redis/open.ts'
import { ask, useRedisSites } from '../redis/redis-site.spec-suite.ts'
import { sampleDraft, sampleIdempotentDraft } from '../sample-draft.spec-suite.ts'

describeRedis('a journal in Redis with a fallback', () => {
  let server: RedisServer
  let link: Link
  let fallbackPath: string
  const makeSite = useRedisSites(() => server)

  beforeEach(async () => {
    server = await RedisServer.start()
    link = await startLink()
    await link.forward('redis', server)
    fallbackPath = await makeLabFolder()
    return async () => {
      await link.stop()
      await server.destroy()
      await rm(fallbackPath, { recursive: true, force: true })
    }
  })

  // Journals are stopped while their server still answers.
  afterEach(async () => {
    link.restore()
    server.resume()
    await server.start()
  })

  const open = (site: ReturnType<typeof makeSite>, options: Partial<RedisJournalOptions> = {}) =>
    site.open({ fallbackPath, leaveAfterMs: 200, ...options })

  const idsOf = async (journal: Journal): Promise<readonly string[]> => {
    const ids: string[] = []
    for await (const records of journal.scan(1)) ids.push(...records.map(({ id }) => id))
    return ids
  }
  const idsFrom = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => sampleDraft(from + index).id)
  const isAway = (journal: Journal) => journal.sharing!.fallback!.isInUse
  const untilAway = (journal: Journal) => expect.poll(() => isAway(journal), { timeout: 10_000 }).toBe(true)
  const untilBack = (...journals: readonly Journal[]) =>
    expect.poll(() => journals.map(isAway), { timeout: 20_000 }).toEqual(journals.map(() => false))

  /** What Redis itself has, in order. */
  const idsInRedis = async (name: string): Promise<readonly string[]> => {
    const entries = (await ask(server, 'XRANGE', `{outpost:${name}}:records`, '-', '+')) as [
      string,
      string[],
    ][]
    return entries.map(([id, fields], index) => {
      expect(id).toBe(`${index + 1}-0`)
      return fields[5]!
    })
  }

  it('P1, P4, P6: Redis killed: all go on in one order, each sees the others, and Redis gets everything', async () => {
    const site = makeSite()
    const journals = [await open(site), await open(site), await open(site)]
    const told = journals.map((journal) => {
      const seqs: number[] = []
      journal.onDurable((records) => seqs.push(...records.map(({ seq }) => seq)))
      return seqs
    })
    await journals[0]!.append(sampleDraft(1))
    await server.kill()
    for (let number = 2; number <= 20; number += 1) {
      const { seq } = await journals[number % 3]!.append(sampleDraft(number))
      expect(seq).toBe(number)
      const other = journals[(number + 1) % 3]!
      await other.catchUp()
      expect(other.lastSeq).toBe(number)
      expect((await other.getMany([number]))[0]?.id).toBe(sampleDraft(number).id)
    }
    expect(journals.map(isAway)).toEqual([true, true, true])
    await server.start()
    await untilBack(...journals)
    expect(await idsInRedis(site.name)).toEqual(idsFrom(1, 20))
    expect((await journals[1]!.append(sampleDraft(21))).seq).toBe(21)
    expect((await idsInRedis(site.name)).at(-1)).toBe(sampleDraft(21).id)
    for (const journal of journals) await journal.catchUp()
    expect(told).toEqual(journals.map(() => Array.from({ length: 21 }, (_, index) => index + 1)))
  })

  it('N2: Redis away for one process alone: no other writes to Redis once that one has left it', async () => {
    const site = makeSite()
    const { host, port } = link.endpoint('redis')
    const [cut, well] = [await open(site, { host, port }), await open(site)]
    await cut.append(sampleDraft(1))
    link.cut()
    await cut.append(sampleDraft(2))
    // It reaches Redis, and has not looked for anything since.
    expect((await well.append(sampleDraft(3))).seq).toBe(3)
    await cut.catchUp()
    expect(await idsOf(cut)).toEqual(idsFrom(1, 3))
    expect(isAway(well)).toBe(true)
    // Nobody returns while one of them cannot.
    expect((await well.append(sampleDraft(4))).seq).toBe(4)
    link.restore()
    await untilBack(cut, well)
    expect(await idsInRedis(site.name)).toEqual(idsFrom(1, 4))
  })

  it('N2: what Redis took from one that had not seen the others leave is done again, once, behind theirs', async () => {
    const site = makeSite()
    const { host, port } = link.endpoint('redis')
    const [cut, stale] = [await open(site, { host, port }), await open(site)]
    await cut.append(sampleDraft(1))
    await stale.catchUp()
    // Sent to Redis while nothing is heard of it: the other has recorded before the answer comes.
    server.pause()
    const late = stale.append(sampleDraft(3))
    link.cut()
    await cut.append(sampleDraft(2))
    server.resume()
    expect((await late).seq).toBe(3)
    await cut.catchUp()
    expect(await idsOf(cut)).toEqual(idsFrom(1, 3))
    link.restore()
    await untilBack(cut, stale)
    expect(await idsInRedis(site.name)).toEqual(idsFrom(1, 3))
  })

  it('P3: what was on its way to a stopped Redis is recorded once', async () => {
    const site = makeSite()
    const journal = await open(site)
    await journal.append(sampleDraft(1))
    server.pause()
    const { seq } = await journal.append(sampleDraft(2))
    expect(seq).toBe(2)
    expect(isAway(journal)).toBe(true)
    await journal.append(sampleDraft(3))
    server.resume()
    await untilBack(journal)
    expect(await idsInRedis(site.name)).toEqual(idsFrom(1, 3))
  })

  it('P11: a full Redis is left, and taken up again when it has room', async () => {
    const site = makeSite()
    const journal = await open(site)
    const other = await open(site)
    const draft = (number: number) => sampleDraft(number, { actor: 'x'.repeat(100_000) })
    for (let number = 1; number <= 5; number += 1) await journal.append(draft(number))
    await ask(server, 'CONFIG', 'SET', 'maxmemory', '1mb')
    expect((await journal.append(draft(6))).seq).toBe(6)
    expect(journal.sharing!.fallback).toMatchObject({
      isInUse: true,
      reason: expect.stringContaining('maxmemory') as string,
    })
    const troubles = () => [journal, other].map(({ sharing }) => sharing!.fallback!.trouble)
    const full = expect.stringContaining('maxmemory') as string
    await expect.poll(troubles, { timeout: 20_000 }).toEqual([full, full])
    await ask(server, 'CONFIG', 'SET', 'maxmemory', '0')
    await untilBack(journal, other)
    expect(await idsInRedis(site.name)).toEqual(idsFrom(1, 6))
    // One of them has brought it back; what the other met is over as well.
    await expect.poll(troubles, { timeout: 10_000 }).toEqual([undefined, undefined])
  })

  describe('N2: Redis has lost what was acknowledged', () => {
    it('emptied: it gets everything again', async () => {
      const site = makeSite()
      const journal = await open(site)
      for (let number = 1; number <= 3; number += 1) await journal.append(sampleDraft(number))
      await journal.setFact('lineage', 'a')
      for (const state of ['applied', 'replicated', 'retained'] as const) {
        await journal.setStatus([{ from: 1, to: 1, status: { state } }])
      }
      await journal.drop(1)
      await ask(server, 'FLUSHALL')
      expect((await journal.append(sampleDraft(4))).seq).toBe(4)
      await untilBack(journal)
      const entries = (await ask(server, 'XRANGE', `{outpost:${site.name}}:records`, '-', '+')) as [string][]
      expect(entries.map(([id]) => id)).toEqual(['2-0', '3-0', '4-0'])
      expect((await journal.append(sampleDraft(5))).seq).toBe(5)
      await journal.setFact('more', 'b')
      await journal.stop()
      const again = await open(site)
      expect([again.firstSeq, again.lastSeq]).toEqual([2, 5])
      expect([again.getFact('lineage'), again.getFact('more')]).toEqual(['a', 'b'])
    })

    it('N22: emptied: it gets the answers of what was dropped before, too', async () => {
      const site = makeSite()
      const journal = await open(site)
      await journal.append(sampleIdempotentDraft(1, 'key'))
      await journal.append(sampleDraft(2))
      for (const state of ['applied', 'replicated', 'retained'] as const) {
        await journal.setStatus([{ from: 1, to: 1, status: { state } }])
      }
      await journal.drop(1)
      await ask(server, 'FLUSHALL')
      expect((await journal.append(sampleDraft(3))).seq).toBe(3)
      await untilBack(journal)
      await expect(journal.append(sampleIdempotentDraft(4, 'key'))).rejects.toMatchObject({
        code: 'journal_overtaken',
      })
    })

    it('an older file: it gets what it lacks', async () => {
      const site = makeSite()
      const journal = await open(site)
      await journal.append(sampleDraft(1))
      const files = join(server.folder, 'appendonlydir')
      await server.stop()
      await cp(files, `${files}.old`, { recursive: true })
      await server.start()
      await untilBack(journal)
      await journal.append(sampleDraft(2))
      await server.stop()
      await rm(files, { recursive: true })
      await cp(`${files}.old`, files, { recursive: true })
      await server.start()
      expect((await journal.append(sampleDraft(3))).seq).toBe(3)
      await expect
        .poll(async () => [isAway(journal), (await idsInRedis(site.name)).length], { timeout: 20_000 })
        .toEqual([false, 3])
      expect(await idsInRedis(site.name)).toEqual(idsFrom(1, 3))
    })

    it('another journal of the site stands there: it is left alone, and recording goes on', async () => {
      const site = makeSite()
      const journal = await open(site)
      await journal.append(sampleDraft(1))
      await server.kill()
      await untilAway(journal)
      await rm(join(server.folder, 'appendonlydir'), { recursive: true })
      await server.start()
      const meta = `{outpost:${site.name}}:meta`
      // Whether it is the site itself or this that comes first: the keeper is another one.
      await ask(server, 'DEL', meta)
      await ask(
        server,
        'HSET',
        meta,
        'format',
        '1',
        'journal',
        'another',
        'keeper',
        'another',
        'first',
        '1',
        'last',
        '0',
      )
      await ask(server, 'HSET', meta, 'keeper', 'another')
      expect((await journal.append(sampleDraft(2))).seq).toBe(2)
      await expect
        .poll(() => journal.sharing!.fallback!.trouble, { timeout: 10_000 })
        .toContain('another journal of this site')
      expect(isAway(journal)).toBe(true)
      expect(await ask(server, 'HGET', meta, 'journal')).toBe('another')
    })
  })

  it('P3, P11: with no room for the copy nothing is stored in Redis either, as the refusal says', async () => {
    let freeBytes = 2 ** 40
    const disk = vi.spyOn(productSettings, 'freeBytes').mockImplementation(() => freeBytes)
    onTestFinished(() => disk.mockRestore())
    const site = makeSite()
    const journal = await open(site)
    await journal.append(sampleDraft(1))
    freeBytes = 8 * 2 ** 20
    await expect(journal.append(sampleDraft(2))).rejects.toMatchObject({ code: 'journal_full' })
    expect(await idsInRedis(site.name)).toEqual(idsFrom(1, 1))
    freeBytes = 2 ** 40
    expect((await journal.append(sampleDraft(3))).seq).toBe(2)
  })

  it('N22: an Idempotency-Key of before is known while Redis is away, and one of meanwhile afterwards', async () => {
    const site = makeSite()
    const [one, two] = [await open(site), await open(site)]
    await one.append(sampleIdempotentDraft(1, 'before'))
    await server.kill()
    await untilAway(two)
    const find = (journal: Journal, key: string) => journal.findIdempotent('observatory/token-1', key)
    expect((await find(two, 'before'))?.transactionId).toBe(sampleDraft(1).id)
    await two.append(sampleIdempotentDraft(2, 'meanwhile'))
    await expect(one.append(sampleIdempotentDraft(3, 'meanwhile'))).rejects.toMatchObject({
      code: 'journal_overtaken',
    })
    await server.start()
    await untilBack(one, two)
    expect((await find(one, 'meanwhile'))?.transactionId).toBe(sampleDraft(2).id)
    await expect(one.append(sampleIdempotentDraft(4, 'before'))).rejects.toMatchObject({
      code: 'journal_overtaken',
    })
  })

  it('N8: the leader keeps the lead, and statuses, facts and drops made meanwhile come back with it', async () => {
    const site = makeSite()
    const [one, two] = [await open(site), await open(site)]
    await one.append(sampleIdempotentDraft(1, 'key'))
    await server.kill()
    await untilAway(one)
    await two.append(sampleDraft(2))
    await one.catchUp()
    for (const state of ['applied', 'replicated', 'retained'] as const) {
      await one.setStatus([{ from: 1, to: 1, status: { state } }])
    }
    await one.setStatus([{ from: 2, to: 2, status: { state: 'applied' } }])
    await one.setFact('lineage', 'a')
    await expect(two.setFact('lineage', 'b')).rejects.toMatchObject({ code: 'not_leading' })
    await one.drop(1)
    await server.start()
    await untilBack(one, two)
    await two.catchUp()
    expect([two.firstSeq, two.lastSeq, two.getFact('lineage')]).toEqual([2, 2, 'a'])
    expect(two.status(2)).toEqual({ state: 'applied' })
    await one.setStatus([{ from: 2, to: 2, status: { state: 'replicated' } }])
    await one.stop()
    await two.stop()
    await rm(fallbackPath, { recursive: true })
    await ask(server, 'HDEL', `{outpost:${site.name}}:meta`, 'keeper')
    // What a new copy is made of is what Redis has.
    const third = await open(site)
    expect(third.status(2)).toEqual({ state: 'replicated' })
    expect((await third.findIdempotent('observatory/token-1', 'key'))?.transactionId).toBe(sampleDraft(1).id)
    await server.kill()
    await untilAway(third)
    expect((await third.findIdempotent('observatory/token-1', 'key'))?.transactionId).toBe(sampleDraft(1).id)
  })

  describe('opening', () => {
    it('goes on without Redis where the copy is, and not where it is not', async () => {
      const site = makeSite()
      const journal = await open(site)
      await journal.append(sampleDraft(1))
      await server.kill()
      await journal.append(sampleDraft(2))
      const other = await open(site)
      expect(isAway(other)).toBe(true)
      expect(await idsOf(other)).toEqual(idsFrom(1, 2))
      expect((await other.append(sampleDraft(3))).seq).toBe(3)
      await expect(open(makeSite(), { fallbackPath: `${fallbackPath}/new` })).rejects.toMatchObject({
        code: 'journal_unavailable',
      })
      await Promise.all([journal.stop(), other.stop()])
      await server.start()
      const third = await open(site)
      expect(await idsOf(third)).toEqual(idsFrom(1, 3))
      await untilBack(third)
      expect(await idsInRedis(site.name)).toEqual(idsFrom(1, 3))
    })

    it('refuses processes without this copy beside those that have it, and the reverse', async () => {
      const site = makeSite()
      const journal = await open(site)
      await expect(site.open()).rejects.toMatchObject({ code: 'config_invalid' })
      await expect(open(site, { fallbackPath: `${fallbackPath}/other` })).rejects.toMatchObject({
        code: 'config_invalid',
      })
      await journal.append(sampleDraft(1))
      const plainSite = makeSite()
      await plainSite.open()
      await expect(open(plainSite, { fallbackPath: `${fallbackPath}/third` })).rejects.toMatchObject({
        code: 'config_invalid',
        hint: expect.stringContaining('Stop every process') as string,
      })
    })

    it('takes over a journal that Redis has had for long', async () => {
      const site = makeSite()
      const before = await site.open()
      await Promise.all(Array.from({ length: 1_500 }, (_, index) => before.append(sampleDraft(index + 1))))
      await before.setStatus([{ from: 1, to: 700, status: { state: 'applied' } }])
      await before.setFact('lineage', 'a')
      await before.stop()
      const [one, two] = await Promise.all([open(site), open(site)])
      await server.kill()
      await untilAway(one)
      await two.append(sampleDraft(1_501))
      await one.catchUp()
      expect(await idsOf(one)).toEqual(idsFrom(1, 1_501))
      expect(one.statistics().counts).toMatchObject({ applied: 700, buffered: 801 })
      expect(one.getFact('lineage')).toBe('a')
    })
  })
})
