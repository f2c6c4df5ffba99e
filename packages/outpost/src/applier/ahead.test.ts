import { afterEach, describe, expect, it } from 'vitest'
import type { Seq } from '../transaction/transaction.ts'
import { openSiteAlone, type SiteAlone } from './site-alone.spec-suite.ts'

/** Two full batches at the simulated round trip, and a few more. */
const backlog = 1_100

describe('the applier while a CALL is under way', () => {
  let site: SiteAlone
  afterEach(() => site.stop())

  it('N7: forms the next batch, sends it only after the answer, and has one CALL under way at most', async () => {
    let read = 0
    let underWay = 0
    const calls: { readonly sent: number; readonly readBefore: number; readonly readMeanwhile: number }[] = []
    let readBefore = 0
    site = openSiteAlone({
      journal: (journal) => ({
        getMany: async (seqs) => {
          read += seqs.length
          return await journal.getMany(seqs)
        },
      }),
      session: (session) => ({
        apply: async (call) => {
          expect(++underWay).toBe(1)
          const atStart = read
          const answer = await session.apply(call)
          calls.push({
            sent: call.transactions.length,
            readBefore: atStart - readBefore,
            readMeanwhile: read - atStart,
          })
          readBefore = read
          underWay--
          return answer
        },
      }),
    })
    await site.pass(1_000)
    await site.applier.stop()
    for (let i = 0; i < backlog; i++) await site.append(`k${i}`)
    read = 0
    site.applier.start()
    await site.pass(5_000)
    expect(site.journal.seqsIn('applied')).toHaveLength(backlog)
    const full = calls.filter(({ sent }) => sent > 0)
    expect(full.length).toBeGreaterThan(1)
    expect(full[0]!.readMeanwhile).toBeGreaterThanOrEqual(full[1]!.sent)
    expect(full[1]!.readBefore).toBe(0)
  })

  it('N9: what depends on a transaction that this CALL leaves waiting stays behind it', async () => {
    site = openSiteAlone()
    await site.pass(1_000)
    await site.applier.stop()
    const waiting = await site.append('w', [], 'missing')
    const others: Seq[] = []
    for (let i = 0; i < backlog; i++) others.push(await site.append(`k${i}`))
    const dependant = await site.append('w', [waiting])
    site.applier.start()
    await site.pass(3_000)
    expect(site.journal.seqsIn('applied')).toHaveLength(others.length)
    expect(site.journal.status(dependant).state).toBe('buffered')
    await site.append('missing')
    await site.pass(10_000)
    expect(site.journal.status(dependant).state).toBe('applied')
  })
})
