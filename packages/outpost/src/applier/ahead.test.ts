import { afterEach, describe, expect, it } from 'vitest'
import type { Seq } from '../transaction/transaction.ts'
import { openSiteAlone, type SiteAlone } from './site-alone.spec-suite.ts'

/** Two full batches at the simulated round trip, and a few more. */
const backlog = 1_100

describe('the applier while a CALL is under way', () => {
  let site: SiteAlone
  afterEach(() => site.stop())

  it('N7: forms the next batch, sends it only after the answer, where one CALL at a time is asked for', async () => {
    let read = 0
    let underWay = 0
    const calls: { readonly sent: number; readonly readBefore: number; readonly readMeanwhile: number }[] = []
    let readBefore = 0
    site = openSiteAlone({
      calls: 1,
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

  it('sends the next batch before the answer over a long link, and never more CALLs than asked for', async () => {
    let underWay = 0
    let most = 0
    site = openSiteAlone({
      calls: 2,
      session: (session) => ({
        apply: async (call) => {
          expect(call.after === undefined).toBe(underWay === 0)
          most = Math.max(most, ++underWay)
          return await session.apply(call).finally(() => underWay--)
        },
      }),
    })
    await backlogOf(site, 3_000)
    expect(site.journal.seqsIn('applied')).toHaveLength(3_000)
    expect(most).toBe(2)
  })

  it('N9, P5: what was sent behind a transaction that main refuses is sent again without its cone', async () => {
    const answers: string[] = []
    site = openSiteAlone({
      calls: 4,
      session: (session) => ({
        apply: async (call) => {
          const answer = await session.apply(call)
          answers.push(answer.kind)
          return answer
        },
      }),
    })
    const [bad] = await backlogOf(site, 3_000, 'yes')
    expect(answers).toContain('early')
    expect(site.journal.status(bad!).state).toBe('rejected')
    expect(site.journal.seqsIn('parked')).toHaveLength(1)
    expect(site.journal.seqsIn('applied')).toHaveLength(3_000)
    const { log } = site.main
    const seqs = log.flatMap((entry) => (entry.kind === 'ledger' ? [entry.seq] : []))
    expect(seqs, 'the ledger grows in the order of the journal (N17, N21)').toEqual(
      [...seqs].sort((a, b) => a - b),
    )
  })

  it('N9: what depends on a transaction that this CALL leaves waiting stays behind it', async () => {
    site = openSiteAlone({ calls: 1 })
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

  /** Has the site send so many in several batches; the first is refused where it is poison, and the last follows it. */
  async function backlogOf(at: SiteAlone, count: number, poison?: string): Promise<readonly Seq[]> {
    await at.pass(1_000)
    await at.applier.stop()
    const first = poison === undefined ? [] : [await at.append('bad', [], undefined, poison)]
    for (let i = 0; i < count; i++) await at.append(`k${i}`)
    if (poison !== undefined) await at.append('bad', first)
    at.applier.start()
    await at.pass(10_000)
    return first
  }
})
