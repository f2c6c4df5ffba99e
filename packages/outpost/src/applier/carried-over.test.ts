import { afterEach, describe, expect, it } from 'vitest'
import type { Seq } from '../transaction/transaction.ts'
import { carriedOver, noteReplicaUnder } from './carried-over.ts'
import { Retainer } from './retainer.ts'
import { openSiteAlone, type SiteAlone } from './site-alone.spec-suite.ts'

const retentionMs = 300_000

describe('what an earlier main applied', () => {
  let site: SiteAlone
  let dropped: Seq[]
  afterEach(() => site.stop())

  const open = () => {
    dropped = []
    site = openSiteAlone({ journal: () => ({ drop: async (through) => void dropped.push(through) }) })
  }
  const confirm = async (...seqs: readonly Seq[]) => {
    const replicatedAtMs = site.clock.nowMs()
    for (const seq of seqs)
      await site.journal.setStatus([{ from: seq, to: seq, status: { state: 'replicated', replicatedAtMs } }])
  }
  const sweep = async (promotable: 'none' | readonly string[] = 'none') => {
    const { journal, clock, main } = site
    const options = {
      journal,
      clock,
      retentionMs,
      lineage: () => main.lineage,
      promotable: async () => promotable,
    }
    return await new Retainer(options).sweep()
  }

  it('N13: goes after a failover too, once the new main and the replica have it, when its retention has passed anew', async () => {
    open()
    const seqs = [await site.append('a'), await site.append('b')]
    await site.pass(5_000)
    await confirm(...seqs)
    const before = site.main.lineage
    site.main.promote(site.main.log.length, 'promoted')
    await site.pass(10 * retentionMs)
    expect(site.main.lineage).not.toBe(before)
    expect(await sweep(), 'the replica may be of the old branch').toBe(0)
    await noteReplicaUnder(site.journal, site.main.lineage, site.clock.nowMs())
    expect(await sweep(), 'retention starts anew').toBe(0)
    await site.pass(2 * retentionMs)
    const { position } = carriedOver(site.journal, site.main.lineage)!
    expect(await sweep(['9/0/FFFFFF']), 'a standby of another timeline proves nothing').toBe(0)
    expect(await sweep([position])).toBe(2)
    expect(dropped).toEqual([2])
    // The row keeps the lineage under which it was applied (N15).
    expect(site.journal.status(seqs[0]!).lineage).toBe(before)
  })

  it('N13, P8: what the new main lacked stays until it was brought and confirmed again', async () => {
    open()
    const kept = await site.append('a')
    await site.pass(5_000)
    const received = site.main.log.length
    const lost = await site.append('b')
    await site.pass(5_000)
    await confirm(kept, lost)
    site.main.promote(received, 'promoted')
    await site.pass(5_000)
    await noteReplicaUnder(site.journal, site.main.lineage, site.clock.nowMs())
    await site.pass(2 * retentionMs)
    expect(site.journal.status(lost)).toMatchObject({ state: 'applied', lineage: site.main.lineage })
    expect(await sweep()).toBe(kept)
  })
})
