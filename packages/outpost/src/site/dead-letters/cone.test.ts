import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TransactionState } from '../../transaction/state.ts'
import { coneOf } from './cone.ts'
import { ConeIndex } from './cone-index.ts'

interface World {
  readonly dependsOn: Readonly<Record<number, readonly number[]>>
  readonly states?: Readonly<Record<number, TransactionState>>
  readonly decides?: Readonly<Record<number, readonly number[]>>
}

function cone(seq: number, { dependsOn, states = {}, decides = {} }: World): readonly number[] {
  const index = new ConeIndex()
  for (const [each, on] of Object.entries(dependsOn)) index.add({ seq: Number(each), dependsOn: on })
  return coneOf(seq, {
    waitersOf: (each) => index.waitersOf(each),
    decidesOn: (each) => decides[each] ?? [],
    stateOf: (each) => states[each] ?? 'parked',
  })
}

describe('a cone', () => {
  it('is everything that waits, directly or through others, each once', () => {
    expect(cone(1, { dependsOn: { 2: [1], 3: [1, 2], 4: [3], 5: [], 6: [5] } })).toEqual([2, 3, 4])
  })

  it('ends at what was rejected or decided on itself, and leaves out what main has', () => {
    const dependsOn = { 2: [1], 3: [2], 4: [1], 5: [1], 6: [1] }
    const states = { 2: 'rejected', 4: 'applied', 5: 'discarded', 6: 'buffered' } as const
    expect(cone(1, { dependsOn, states })).toEqual([6])
  })

  it('of a decision is what waited for its dead letter, also through a replay of a replay', () => {
    const world = { dependsOn: { 2: [1], 3: [2] }, decides: { 7: [1], 9: [7] } }
    expect(cone(9, world)).toEqual([2, 3])
    expect(cone(7, world)).toEqual([2, 3])
  })
})

describe('ConeIndex', () => {
  it('equals a plain map, whatever is forgotten on the way', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(40), fc.boolean()), { minLength: 1, maxLength: 4_000 }),
        (steps) => {
          const index = new ConeIndex()
          const model = new Map<number, number[]>()
          let forgotten = 0
          for (const [at, [distance, forgets]] of steps.entries()) {
            const seq = at + 2
            const blocker = Math.max(1, seq - 1 - distance)
            index.add({ seq, dependsOn: [blocker] })
            model.set(blocker, [...(model.get(blocker) ?? []), seq])
            if (forgets && distance > 30) {
              forgotten = Math.max(forgotten, seq - distance)
              index.forgetThrough(forgotten)
              for (const each of model.keys()) if (each <= forgotten) model.delete(each)
            }
          }
          for (const [blocker, waiters] of model) {
            expect([...index.waitersOf(blocker)].sort((a, b) => a - b)).toEqual(waiters)
          }
        },
      ),
      { numRuns: 50 },
    )
  })

  it('N9: holds what waits for one that was forgotten and is unsettled again, until it is forgotten once more', () => {
    const index = new ConeIndex()
    index.add({ seq: 2, dependsOn: [1] })
    index.forgetThrough(2)
    index.note(1, 3)
    index.forgetThrough(0)
    expect([...index.waitersOf(1)]).toEqual([3])
    index.forgetThrough(2)
    expect([...index.waitersOf(1)]).toEqual([])
  })

  it('gives the room of forgotten ones back', () => {
    const index = new ConeIndex()
    for (let seq = 2; seq < 100_000; seq++) {
      index.add({ seq, dependsOn: [seq - 1] })
      if (seq % 500 === 0) index.forgetThrough(seq - 1)
    }
    expect(index.size).toBeLessThan(2_000)
  })
})
