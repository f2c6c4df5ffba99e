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
