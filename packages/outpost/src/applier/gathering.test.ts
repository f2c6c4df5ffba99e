import { afterEach, describe, expect, it } from 'vitest'
import { openSiteAlone, type SiteAlone } from './site-alone.spec-suite.ts'

describe('gathering', () => {
  let site: SiteAlone
  const sent: number[] = []
  afterEach(async () => {
    await site.stop()
    sent.length = 0
  })

  function open(gatherMs: number): SiteAlone {
    return openSiteAlone({
      gatherMs,
      session: (session) => ({
        apply: (call) => {
          if (call.transactions.length > 0) sent.push(call.transactions.length)
          return session.apply(call)
        },
      }),
    })
  }

  it('sends what comes after a pause at once, and what follows it together', async () => {
    site = open(1_000)
    await site.pass(5_000)
    await site.append('a')
    await site.pass(50)
    expect(sent).toEqual([1])
    for (const key of ['b', 'c', 'd']) {
      await site.append(key)
      await site.pass(100)
    }
    expect(sent).toEqual([1])
    await site.pass(1_000)
    expect(sent).toEqual([1, 3])
  })

  it('keeps a full group waiting no longer', async () => {
    site = open(1_000)
    await site.pass(5_000)
    await site.append('a')
    await site.pass(5)
    // While the first CALL is under way.
    for (let number = 0; number < 64; number += 1) await site.append(`b${number}`)
    await site.pass(100)
    expect(sent).toEqual([1, 64])
  })

  it('goes on gathering however many wait for their next attempt', async () => {
    site = open(1_000)
    await site.pass(5_000)
    await site.applier.stop()
    const waiting = await Promise.all(
      Array.from({ length: 64 }, (_, number) => site.append(`w${number}`, [], 'missing')),
    )
    site.applier.start()
    await site.pass(2_000)
    expect(site.journal.seqsIn('buffered')).toEqual(waiting)
    sent.length = 0
    for (const key of ['a', 'b', 'c', 'd']) {
      await site.append(key)
      await site.pass(100)
    }
    await site.pass(1_000)
    expect(sent).toEqual([1, 3])
  })

  it('sends nothing more when it is stopped while it gathers', async () => {
    site = open(1_000)
    await site.pass(5_000)
    await site.append('a')
    await site.pass(50)
    const rejected = await site.append('r')
    const parked = await site.append('p', [rejected])
    await site.pass(50)
    await site.journal.setStatus([{ from: rejected, to: rejected, status: { state: 'rejected' } }])
    const kept = await site.append('b')
    await site.stop()
    expect([parked, kept].map((seq) => site.journal.status(seq).state)).toEqual(['buffered', 'buffered'])
    expect(sent).toEqual([1])
  })

  it('keeps nothing waiting where it is off', async () => {
    site = open(0)
    await site.pass(5_000)
    for (const key of ['a', 'b']) {
      await site.append(key)
      await site.pass(50)
    }
    expect(sent).toEqual([1, 1])
  })
})
