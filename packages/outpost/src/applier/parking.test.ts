import { describe, expect, it } from 'vitest'
import { openMemoryJournal } from './memory-journal.spec-suite.ts'
import { Parking } from './parking.ts'
import { draftOf } from './real-site.spec-suite.ts'

describe('Parking', () => {
  it('P11: of thousands that are stuck some are tried at a time, and ever more once one has passed', async () => {
    const journal = openMemoryJournal()
    const parking = new Parking(journal)
    const seqs: number[] = []
    for (let i = 0; i < 1_000; i++) seqs.push((await journal.append(draftOf([]))).seq)
    const park = (some: readonly number[], untilMs: number) =>
      parking.parkStuck(
        some.map((seq) => ({ seq, reason: { sqlstate: '42501' } })),
        untilMs,
      )
    const tried = async (nowMs: number) => (await parking.releaseStuck(nowMs)).map(({ from }) => from)
    await park(seqs, 60_000)
    expect(parking.nextStuckMs).toBe(60_000)
    expect(await tried(59_999)).toEqual([])
    expect(await tried(60_000)).toEqual(seqs.slice(0, 100))
    expect(parking.nextStuckMs).toBe(61_000)
    await park(seqs.slice(0, 100), 120_000)
    expect(await tried(60_500)).toEqual([])
    // In turn, so that one with another cause is not left behind those with a lasting one.
    expect(await tried(61_000)).toEqual(seqs.slice(100, 200))
    parking.noteApplied(seqs.slice(100, 200))
    expect(await tried(61_000)).toHaveLength(200)
    expect(parking.stuck).toHaveLength(1_000)
  })
})
