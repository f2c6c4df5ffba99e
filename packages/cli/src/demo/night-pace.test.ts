import { OutpostError } from 'outpost'
import { describe, expect, it } from 'vitest'
import { isWorthRetrying, retryDelayMs, stepDueMs } from './night-pace.ts'

describe('the pace of the night', () => {
  it('spreads the steps evenly', () => {
    expect([0, 1, 2, 3].map((index) => stepDueMs(index, 4, 1_000))).toEqual([0, 250, 500, 750])
  })

  it('P11: waits longer for a site that is away, up to two seconds', () => {
    expect([0, 1, 2, 5, 1_000].map(retryDelayMs)).toEqual([100, 200, 400, 2_000, 2_000])
  })

  it.each([
    [new OutpostError('site_unreachable', 'x'), true],
    [new OutpostError('site_refused', 'x', { details: { status: 503 } }), true],
    [new OutpostError('site_refused', 'x', { details: { status: 422 } }), false],
    [new OutpostError('unauthorized', 'x', { details: { status: 401 } }), false],
  ])('%s', (error, expected) => expect(isWorthRetrying(error)).toBe(expected))
})
