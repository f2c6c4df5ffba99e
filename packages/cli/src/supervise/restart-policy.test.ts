import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { restartDelayMs } from './restart-policy.ts'

const limits = { firstDelayMs: 200, maxDelayMs: 5_000, startsPerMinute: 3 }

describe('restartDelayMs', () => {
  it('starts a process that had been ready again at once', () => {
    expect(restartDelayMs({ startedAtMs: [0], failedStarts: 0 }, 10_000, limits)).toBe(0)
  })

  it.each([
    [1, 200],
    [2, 400],
    [3, 800],
    [6, 5_000],
    [1_000, 5_000],
  ])('waits after %i failed starts in a row for %i ms', (failedStarts, delayMs) => {
    expect(restartDelayMs({ startedAtMs: [], failedStarts }, 0, limits)).toBe(delayMs)
  })

  it('waits until the oldest start is a minute old once the limit is reached', () => {
    expect(restartDelayMs({ startedAtMs: [1_000, 2_000, 3_000], failedStarts: 0 }, 11_000, limits)).toBe(
      50_000,
    )
  })

  it('P11: never starts more often than the limit within any minute', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 40 }), (failures) => {
        const starts: number[] = []
        let nowMs = 0
        for (const failedStarts of failures) {
          nowMs += restartDelayMs({ startedAtMs: starts, failedStarts }, nowMs, limits)
          starts.push(nowMs)
        }
        return starts.every((start, index) => {
          const earlier = starts[index - limits.startsPerMinute]
          return earlier === undefined || start - earlier >= 60_000
        })
      }),
    )
  })
})
