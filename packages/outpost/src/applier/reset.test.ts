import { afterEach, describe, expect, it } from 'vitest'
import type { Seq } from '../transaction/transaction.ts'
import { openSiteAlone, type SiteAlone } from './site-alone.spec-suite.ts'

describe('the applier told to begin anew at any moment', () => {
  let site: SiteAlone
  afterEach(() => site.stop())

  it('P3: sends nothing twice when attempts are released while a batch is formed', async () => {
    let isReleasing = false
    const sent: Seq[] = []
    const releases: Promise<void>[] = []
    site = openSiteAlone({
      journal: (journal) => ({
        getMany: async (seqs) => {
          const records = await journal.getMany(seqs)
          if (isReleasing && seqs.length > 0) {
            isReleasing = false
            releases.push(site.applier.releaseAttempts())
            // The reset comes while this batch is read.
            await releases[0]
          }
          return records
        },
      }),
      session: (session) => ({
        apply: (call) => {
          sent.push(...call.transactions.map(({ seq }) => seq))
          return session.apply(call)
        },
      }),
    })
    await site.pass(1_000)
    await site.applier.stop()
    for (let i = 0; i < 1_300; i++) await site.append(`k${i}`)
    isReleasing = true
    site.applier.start()
    await site.pass(30_000)
    await Promise.all(releases)
    expect(releases).toHaveLength(1)
    expect(site.journal.seqsIn('applied')).toHaveLength(1_300)
    expect(sent).toHaveLength(new Set(sent).size)
  })

  it('tries what waits at once when attempts are released', async () => {
    site = openSiteAlone()
    const waiting = await site.append('w', [], 'missing')
    await site.pass(1_000)
    expect(site.journal.status(waiting).attempts).toBe(1)
    const released = site.applier.releaseAttempts()
    await site.pass(1_000)
    await released
    expect(site.journal.status(waiting).attempts).toBe(2)
  })
})
