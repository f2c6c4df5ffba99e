import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DependencyIndex } from './dependency-index.ts'
import { leavingKey } from './leaving.ts'

const keys = fc.uniqueArray(
  fc.integer({ min: 0, max: 30 }).map((n) => `pk|public.t|${n}`),
  { maxLength: 4 },
)
const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('add' as const), writes: keys, references: keys }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('ask' as const),
        writes: keys,
        references: keys,
        left: keys,
        settled: fc.nat(60),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), through: fc.nat(60) }) },
  ),
  { maxLength: 80 },
)

describe('the dependency index', () => {
  it('P4, N9: finds exactly the last writers and the referrers that a plain map finds', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const index = new DependencyIndex()
        const model = new Map<string, number>()
        let referring: { readonly seq: number; readonly references: readonly string[] }[] = []
        let seq = 0
        for (const step of sequence) {
          if (step.kind === 'add') {
            seq++
            index.add({ seq, writes: step.writes, references: step.references })
            for (const key of step.writes) model.set(key, seq)
            referring.push({ seq, references: step.references })
          } else if (step.kind === 'forget') {
            const through = Math.min(step.through, seq)
            index.forgetThrough(through)
            for (const [key, writer] of model) if (writer <= through) model.delete(key)
            referring = referring.filter((each) => each.seq > through)
          } else {
            const isSettled = (writer: number): boolean => writer === step.settled
            const writers = [...step.writes, ...step.references].flatMap((key) => model.get(key) ?? [])
            const referrers = referring.filter(({ references }) =>
              references.some((key) => step.left.includes(key)),
            )
            const before = [...writers, ...referrers.map((each) => each.seq)]
            const expected = [...new Set(before.filter((writer) => !isSettled(writer)))].sort((a, b) => a - b)
            const references = [...step.references, ...step.left.map(leavingKey)]
            expect(index.dependsOn({ writes: step.writes, references }, { isSettled })).toEqual(expected)
          }
        }
      }),
    )
  })

  it('keeps a million keys and as many references in at most 64 MB, and finds each', () => {
    const index = new DependencyIndex()
    for (let seq = 1; seq <= 500_000; seq++)
      index.add({
        seq,
        writes: [`pk|public.a|${seq}`, `pk|public.b|${seq}`],
        references: [`pk|public.c|${seq % 100}`, `pk|public.d|${seq}`],
      })
    expect(index.size).toBe(1_000_000)
    expect(index.bytes).toBeLessThanOrEqual(64 * 1024 * 1024)
    for (let seq = 1; seq <= 500_000; seq += 97) {
      expect(index.lastWriter(`pk|public.a|${seq}`)).toBe(seq)
      expect(index.lastWriter(`pk|public.c|${seq}`)).toBeUndefined()
    }
  })

  it('P11: does not grow while it forgets as fast as it learns', () => {
    const index = new DependencyIndex()
    for (let seq = 1; seq <= 200_000; seq++) {
      index.add({ seq, writes: [`pk|public.a|${seq}`], references: ['pk|public.b|1'] })
      if (seq > 500) index.forgetThrough(seq - 500)
    }
    expect(index.bytes).toBeLessThanOrEqual(4_096 * 16)
  })

  it('N9: keeps as the last writer what waits for a decision, not the decision', () => {
    const index = new DependencyIndex()
    index.add({ seq: 1, writes: ['pk|t|1', 'pk|t|2'], references: [] })
    index.add({ seq: 2, writes: ['pk|t|1'], references: [] })
    const decision = { kind: 'replay', on: [{ seq: 1, id: 'one' }], followed: ['pk|t|1'] } as const
    index.add({ seq: 3, writes: ['pk|t|1', 'pk|t|2'], references: [], decision })
    expect([index.lastWriter('pk|t|1'), index.lastWriter('pk|t|2')]).toEqual([2, 3])
  })

  it('N9: what main has lost is depended on again after it was forgotten, until that is settled', () => {
    const index = new DependencyIndex()
    const [elder, lost] = [
      { seq: 1, writes: ['pk|t|1', 'pk|t|2'], references: ['pk|p|1'] },
      { seq: 2, writes: ['pk|t|1'], references: [] },
    ]
    const lastWriters = () => ['pk|t|1', 'pk|t|2', 'pk|t|3'].map((key) => index.lastWriter(key))
    for (const record of [elder, lost]) index.add(record)
    index.forgetThrough(2)
    index.putBack([lost, elder])
    index.add({ seq: 3, writes: ['pk|t|3'], references: ['pk|p|1'] })
    expect(lastWriters()).toEqual([2, 1, 3])
    expect([...index.referrers(['pk|p|1'])]).toEqual([1, 3])
    index.forgetThrough(0)
    index.add({ seq: 4, writes: ['pk|t|2'], references: [] })
    expect(lastWriters()).toEqual([2, 4, 3])
    index.forgetThrough(3)
    expect(lastWriters()).toEqual([undefined, 4, undefined])
    expect([...index.referrers(['pk|p|1'])]).toEqual([])
  })
})
