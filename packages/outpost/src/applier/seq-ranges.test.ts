import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clipRanges, joinRanges, missingRanges, rangesLength, seqRanges, seqsOf } from './seq-ranges.ts'

const seqs = fc.uniqueArray(fc.integer({ min: 1, max: 60 })).map((list) => list.sort((a, b) => a - b))

describe('seq ranges', () => {
  it('N6: finds exactly what is wanted and not present', () => {
    fc.assert(
      fc.property(seqs, seqs, (wanted, present) => {
        const missing = missingRanges(seqRanges(wanted), seqRanges(present))
        expect([...seqsOf(missing)]).toEqual(wanted.filter((seq) => !present.includes(seq)))
        expect(rangesLength(missing)).toBe([...seqsOf(missing)].length)
      }),
    )
  })

  it('joins and clips without losing or making up a seq', () => {
    fc.assert(
      fc.property(
        seqs,
        seqs,
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 60 }),
        (a, b, from, to) => {
          const union = [...new Set([...a, ...b])].sort((x, y) => x - y)
          const joined = joinRanges([...seqRanges(a), ...seqRanges(b)])
          expect([...seqsOf(joined)]).toEqual(union)
          expect([...seqsOf(clipRanges(joined, { from, to }))]).toEqual(
            union.filter((seq) => seq >= from && seq <= to),
          )
        },
      ),
    )
  })
})
