import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Seq } from '../transaction/transaction.ts'
import { openSiteAlone, type SiteAlone } from './site-alone.spec-suite.ts'

describe('the applier while things are appended of which none can be sent', () => {
  let site: SiteAlone
  let asked: Record<'beat' | 'prune' | 'forgetAnswers', number>
  let rejected: Seq
  let firstSeq: Seq
  let readMs: number
  afterEach(() => site.stop())

  beforeEach(async () => {
    asked = { beat: 0, prune: 0, forgetAnswers: 0 }
    firstSeq = 1
    readMs = 0
    site = openSiteAlone({
      journal: (journal) => ({
        get firstSeq() {
          return firstSeq
        },
        getMany: async (seqs) => {
          if (readMs > 0) await site.clock.sleep(readMs)
          return await journal.getMany(seqs)
        },
      }),
      session: (session) => ({
        beat: (...question) => {
          asked.beat++
          return session.beat(...question)
        },
        prune: (...question) => {
          asked.prune++
          return session.prune(...question)
        },
        forgetAnswers: () => {
          asked.forgetAnswers++
          return session.forgetAnswers()
        },
      }),
    })
    rejected = await site.append('unit', [], 'missing')
    await site.pass(30_000)
    expect(site.journal.status(rejected).state).toBe('rejected')
  })

  const appendFor = async (forMs: number, everyMs: number): Promise<void> => {
    for (let ms = 0; ms < forMs; ms += everyMs) {
      await site.append('unit', [rejected])
      await site.pass(everyMs)
    }
  }

  it.each([500, 7])(
    'P11: asks main at every interval, with an append each %i ms',
    async (everyMs) => {
      asked.beat = 0
      await appendFor(60_000, everyMs)
      expect(site.journal.seqsIn('parked').length).toBeGreaterThan(100)
      expect(asked.beat).toBeGreaterThanOrEqual(55)
      expect(asked.beat).toBeLessThanOrEqual(62)
    },
    60_000,
  )

  it('N14, N22: tidies main all the same, however slowly the journal reads', async () => {
    // Answers are forgotten once an hour, as the site saw it when it began.
    await site.pass(3_600_000 - 31_000)
    readMs = 10
    firstSeq = 2
    Object.assign(asked, { prune: 0, forgetAnswers: 0 })
    await appendFor(5_000, 7)
    expect(asked).toMatchObject({ prune: 1, forgetAnswers: 1 })
  })
})
