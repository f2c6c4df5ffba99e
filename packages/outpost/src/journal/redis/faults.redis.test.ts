import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { RedisServer } from '@outpost/lab'
import { describeRedis } from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Journal } from '../journal.ts'
import { sampleDraft, sampleIdempotentDraft } from '../sample-draft.spec-suite.ts'
import { ask, askAs, useRedisSites } from './redis-site.spec-suite.ts'

describeRedis('Redis journal when Redis fails', () => {
  let server: RedisServer
  const makeSite = useRedisSites(() => server)

  beforeEach(async () => {
    server = await RedisServer.start()
    return () => server.destroy()
  })

  // Journals are stopped while their server still answers.
  afterEach(async () => {
    server.resume()
    await server.start()
  })

  const idsOf = async (journal: Journal): Promise<readonly string[]> => {
    const ids: string[] = []
    for await (const records of journal.scan(1)) ids.push(...records.map(({ id }) => id))
    return ids
  }

  it('P1: kill -9 at any moment loses nothing acknowledged and stores nothing twice', async () => {
    const site = makeSite()
    const journal = await site.open()
    const acknowledged: string[] = []
    const told: number[] = []
    journal.onDurable((records) => told.push(...records.map(({ seq }) => seq)))
    let number = 0
    let isOver = false
    const writers = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        number += 1
        acknowledged.push((await journal.append(sampleDraft(number))).id)
      }
    })
    for (let kill = 0; kill < 5; kill += 1) {
      const before = acknowledged.length
      await expect.poll(() => acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(before + 50)
      await server.kill()
      await server.start()
    }
    isOver = true
    await Promise.all(writers)
    const stored = await idsOf(await site.open())
    expect(new Set(stored).size).toBe(stored.length)
    expect(new Set(stored)).toEqual(new Set(acknowledged))
    expect(told).toEqual(stored.map((_, index) => index + 1))
  })

  it('N2: numbers that a restarted server gives out belong to a new epoch', async () => {
    const site = makeSite()
    const journal = await site.open()
    const one = await journal.append(sampleDraft(1))
    await server.kill()
    await server.start()
    const two = await journal.append(sampleDraft(2))
    expect([one.seq, two.seq]).toEqual([1, 2])
    expect(two.epoch).not.toBe(one.epoch)
    expect(journal.epoch).toBe(two.epoch)
    expect(journal.epochs.slice(-2)).toEqual([
      { epoch: one.epoch, from: 1 },
      { epoch: two.epoch, from: 2 },
    ])
  })

  it('waits for a short outage, and fails after its patience with what is known', async () => {
    const journal = await makeSite().open({ patienceMs: 1_500 })
    await journal.append(sampleDraft(1))
    await server.kill()
    const waiting = journal.append(sampleDraft(2))
    await server.start()
    expect((await waiting).seq).toBe(2)
    await server.kill()
    await expect.poll(() => journal.appendRefusal?.()?.code).toBe('journal_unavailable')
    await expect(journal.append(sampleDraft(3))).rejects.toMatchObject({
      code: 'journal_unavailable',
      status: 503,
      details: { outcome: 'not_stored' },
    })
    // From now on nobody waits.
    await expect(journal.append(sampleDraft(4))).rejects.toMatchObject({ code: 'journal_unavailable' })
    await expect(journal.catchUp()).rejects.toMatchObject({ code: 'journal_unavailable' })
    await server.start()
    await expect.poll(() => journal.appendRefusal?.(), { timeout: 10_000 }).toBeUndefined()
    expect((await journal.append(sampleDraft(5))).seq).toBe(3)
  })

  it('P3: what was sent to a paused server is stored once, whoever sends it again', async () => {
    const journal = await makeSite().open({ patienceMs: 1_000 })
    await journal.append(sampleDraft(1))
    server.pause()
    await expect(journal.append(sampleDraft(2))).rejects.toMatchObject({
      code: 'journal_unavailable',
      details: { outcome: 'unknown' },
    })
    server.resume()
    await expect.poll(() => journal.appendRefusal?.(), { timeout: 15_000 }).toBeUndefined()
    const again = await journal.append(sampleDraft(2))
    expect(again.id).toBe(sampleDraft(2).id)
    expect(await idsOf(journal)).toEqual([1, 2].map((number) => sampleDraft(number).id))
  })

  it('P11: a full server refuses with journal_full, stores nothing, and goes on draining', async () => {
    const site = makeSite()
    const journal = await site.open()
    const draft = (number: number) => sampleDraft(number, { actor: 'x'.repeat(100_000) })
    for (let number = 1; number <= 10; number += 1) await journal.append(draft(number))
    await ask(server, 'CONFIG', 'SET', 'maxmemory', '1mb')
    await expect(journal.append(draft(11))).rejects.toMatchObject({ code: 'journal_full', status: 507 })
    expect(journal.appendRefusal?.()?.code).toBe('journal_full')
    expect(journal.lastSeq).toBe(10)
    for (const state of ['applied', 'replicated', 'retained'] as const) {
      await journal.setStatus([{ from: 1, to: 9, status: { state } }])
    }
    await journal.setFact('lineage', 'a')
    await journal.drop(9)
    expect([journal.firstSeq, journal.lastSeq]).toEqual([10, 10])
    await ask(server, 'CONFIG', 'SET', 'maxmemory', '0')
    expect((await journal.append(draft(11))).seq).toBe(11)
    expect(journal.appendRefusal?.()).toBeUndefined()
  })

  it('N2: an emptied server is not taken for the journal', async () => {
    const site = makeSite()
    const journal = await site.open({ patienceMs: 500 })
    await journal.append(sampleDraft(1))
    await ask(server, 'FLUSHALL')
    await expect(journal.append(sampleDraft(2))).rejects.toMatchObject({ code: 'journal_failed' })
    await expect(journal.catchUp()).rejects.toMatchObject({ code: 'journal_failed' })
    expect(journal.appendRefusal?.()?.code).toBe('journal_failed')
    // A process that starts afterwards begins a journal of its own, and the old one does not mingle with it.
    const next = await site.open()
    const first = await next.append(sampleDraft(3))
    expect(first.seq).toBe(1)
    expect(first.epoch).not.toBe(journal.epoch)
    await expect(journal.append(sampleDraft(4))).rejects.toMatchObject({ code: 'journal_failed' })
  })

  it('N2: a server with an older file is refused by who knows better, and gives its numbers out under a new epoch', async () => {
    const site = makeSite()
    const journal = await site.open({ patienceMs: 2_000 })
    const [, lost] = [await journal.append(sampleDraft(1)), sampleIdempotentDraft(2, 'key')]
    const files = join(server.folder, 'appendonlydir')
    await server.stop()
    await cp(files, `${files}.old`, { recursive: true })
    await server.start()
    const before = await journal.append(lost)
    await server.stop()
    await rm(files, { recursive: true })
    await cp(`${files}.old`, files, { recursive: true })
    await server.start({ requirepass: 'for-the-other-process' })
    // Another process comes first and gives out the number again: by its count alone the server lacks nothing.
    const other = await site.open({ password: 'for-the-other-process' })
    const after = await other.append(sampleDraft(3))
    expect(after.seq).toBe(before.seq)
    expect(after.epoch).not.toBe(before.epoch)
    expect(journal.appendRefusal?.()?.code).toBe('journal_unavailable')
    await askAs('for-the-other-process', server, 'CONFIG', 'SET', 'requirepass', '')
    // It connects again in its own time, and sees then what is missing.
    await expect.poll(() => journal.appendRefusal?.()?.code, { timeout: 10_000 }).toBe('journal_failed')
    await expect(journal.append(sampleDraft(4))).rejects.toMatchObject({ code: 'journal_failed' })
    expect(await idsOf(other)).toEqual([1, 3].map((number) => sampleDraft(number).id))
  })
})
