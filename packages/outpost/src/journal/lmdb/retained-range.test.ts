import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StateBytes } from '../state-bytes.ts'
import { SeqDirectory } from './seq-directory.ts'

describe('seq directory', () => {
  it('finds the block of every seq while blocks come and go', () => {
    const step = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constant('drop' as const))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const directory = new SeqDirectory()
        let firsts: number[] = []
        let next = 1
        for (const count of steps) {
          if (count === 'drop') {
            if (firsts.length === 0) continue
            directory.dropOldest()
            firsts = firsts.slice(1)
          } else {
            directory.push(next)
            firsts.push(next)
            next += count
          }
        }
        expect(directory.size).toBe(firsts.length)
        for (let seq = firsts[0] ?? next; seq < next; seq += 1) {
          expect(directory.at(directory.indexOf(seq))).toBe(firsts.findLast((first) => first <= seq))
        }
        expect(directory.at(directory.indexOf((firsts[0] ?? 1) - 1))).toBeUndefined()
      }),
    )
  })
})

describe('state bytes', () => {
  it('agree with a state kept for each seq while seqs come and go', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('extend' as const), count: fc.integer({ min: 1, max: 700 }) }),
      fc.record({ kind: fc.constant('drop' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ kind: fc.constant('set' as const), share: fc.double({ min: 0, max: 0.999, noNaN: true }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const bytes = new StateBytes(1)
        const model: ('buffered' | 'applied')[] = []
        let first = 1
        for (const next of steps) {
          if (next.kind === 'extend') {
            bytes.extend(next.count)
            for (let count = 0; count < next.count; count += 1) model.push('buffered')
          } else if (next.kind === 'drop') {
            first += Math.floor(next.share * (model.length + 1 - first))
            bytes.dropBefore(first)
          } else if (model.length >= first) {
            const seq = first + Math.floor(next.share * (model.length + 1 - first))
            bytes.set(seq, 'applied')
            model[seq - 1] = 'applied'
          }
        }
        const applied = model.flatMap((state, index) =>
          state === 'applied' && index + 1 >= first ? [index + 1] : [],
        )
        expect(bytes.search('applied', 0, Number.POSITIVE_INFINITY)).toEqual(applied)
        expect(bytes.count('applied')).toBe(applied.length)
        expect(bytes.count('buffered')).toBe(model.length + 1 - first - applied.length)
      }),
      { numRuns: 60 },
    )
  })
})
