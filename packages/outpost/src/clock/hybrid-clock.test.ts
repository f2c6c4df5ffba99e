import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HybridClock } from './hybrid-clock.ts'

describe('a hybrid logical clock', () => {
  it('shows the wall clock, and counts within a millisecond', () => {
    const clock = new HybridClock({ nowMs: () => 1_000 })
    expect([clock.next(), clock.next()]).toEqual([String(1_000 * 65_536), String(1_000 * 65_536 + 1)])
  })

  it('N24, E25: rises whatever the wall clock does, and past every stamp that it was shown', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('next' as const), nowMs: fc.integer({ min: 0, max: 2 ** 42 }) }),
      fc.record({ kind: fc.constant('observe' as const), stamp: fc.bigInt({ min: 0n, max: 2n ** 60n }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        let nowMs = 0
        let newest = 0n
        const clock = new HybridClock({ nowMs: () => nowMs })
        for (const each of steps) {
          if (each.kind === 'observe') {
            clock.observe(String(each.stamp))
            newest = each.stamp > newest ? each.stamp : newest
            continue
          }
          nowMs = each.nowMs
          const stamp = BigInt(clock.next())
          expect(stamp).toBeGreaterThan(newest)
          expect(stamp).toBeGreaterThanOrEqual(BigInt(nowMs) * 65_536n)
          newest = stamp
        }
        expect(clock.last).toBe(String(newest))
      }),
    )
  })

  it('takes no notice of what is no stamp', () => {
    const clock = new HybridClock({ nowMs: () => 1 })
    for (const stamp of [undefined, '', '-1', '1e3', 'x']) clock.observe(stamp)
    expect(clock.last).toBe('0')
  })
})
