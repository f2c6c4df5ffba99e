import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HashIndex } from './hash-index.ts'

describe('hash index', () => {
  it('finds exactly what was added and not removed, whatever collides', () => {
    const step = fc.record({
      kind: fc.constantFrom('add', 'remove'),
      // Few hashes, so that chains form, wrap round and are closed again.
      hash: fc.integer({ min: 1, max: 40 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 0, max: 2 ** 40 }), (steps, base) => {
        const index = new HashIndex()
        const model = new Map<number, number[]>()
        let seq = base
        for (const { kind, hash } of steps) {
          const known = model.get(hash) ?? []
          if (kind === 'add') {
            seq += 1
            index.add(hash, seq)
            model.set(hash, [...known, seq])
          } else if (known.length > 0) {
            index.remove(hash, known[0]!)
            model.set(hash, known.slice(1))
          }
        }
        for (const [hash, seqs] of model) {
          const seen = new Set<number>()
          index.find(hash, seq, (candidate) => {
            seen.add(candidate)
            return false
          })
          expect([...seen].sort((one, other) => one - other)).toEqual(seqs)
          expect(index.find(hash, seq, () => true)).toBe(seqs[0])
        }
        expect(index.size).toBe([...model.values()].flat().length)
      }),
    )
  })

  it('holds many entries and gives each back', () => {
    const index = new HashIndex()
    const hashOf = (seq: number) => Math.imul(seq, 0x9e3779b1) >>> 0
    for (let seq = 1; seq <= 50_000; seq += 1) index.add(hashOf(seq), seq)
    for (let seq = 1; seq <= 50_000; seq += 997) {
      expect(index.find(hashOf(seq), 50_000, (candidate) => candidate === seq)).toBe(seq)
    }
  })
})
