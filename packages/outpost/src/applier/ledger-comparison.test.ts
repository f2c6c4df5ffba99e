import { describe, expect, it } from 'vitest'
import type { Seq } from '../transaction/transaction.ts'
import { redrive } from './ledger-comparison.ts'
import { openMemoryJournal } from './memory-journal.spec-suite.ts'

const count = 2_500

async function applied() {
  const journal = openMemoryJournal()
  for (let i = 0; i < count; i++) {
    await journal.append({
      id: `tx-${i}`,
      operations: [],
      digest: '00',
      writes: ['pk|row'],
      references: [],
      dependsOn: [],
      catalogVersion: '',
      flags: [],
    })
  }
  await journal.setStatus([{ from: 1, to: count, status: { state: 'applied' } }])
  return journal
}

describe('redrive', () => {
  it('P8: puts back the newest first: nothing is ever shown without what is newer and was lost too', async () => {
    const journal = await applied()
    const missing = [
      { from: 11, to: 1_200 },
      { from: 1_301, to: count },
    ]
    const lost = count - 110
    const handed: Seq[] = []
    const total = await redrive(journal, missing, async (records) => {
      const seqs = records.map(({ seq }) => seq)
      expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
      expect(seqs.at(-1)).toBeLessThan(handed[0] ?? Number.POSITIVE_INFINITY)
      // The overlay shows them again before they count as pending.
      expect(seqs.map((seq) => journal.status(seq).state)).toEqual(seqs.map(() => 'applied'))
      handed.unshift(...seqs)
      // A read may come round here.
      await new Promise((resolve) => setImmediate(resolve))
    })
    expect([total, handed.length]).toEqual([lost, lost])
    expect(handed).toEqual(journal.seqsIn('buffered'))
    expect(journal.status(2_000)).toEqual({ state: 'buffered', redriven: 1 })
    expect(journal.seqsIn('applied')).toHaveLength(110)
  })
})
