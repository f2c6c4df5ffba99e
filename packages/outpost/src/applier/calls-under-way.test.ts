import { describe, expect, it } from 'vitest'
import { callsUnderWay, sharedSize } from './calls-under-way.ts'

const size = { transactions: 8_000, bytes: 8_000_000 }

describe('CALLs under way at once', () => {
  it.each([
    { roundTripMs: 0.5, msPerTransaction: 0.05, calls: 1 },
    { roundTripMs: 50, msPerTransaction: 0.05, calls: 1 },
    { roundTripMs: 250, msPerTransaction: 0.05, calls: 3 },
    { roundTripMs: 250, msPerTransaction: 0, calls: 3 },
    // What takes its time on a thin line is work, too.
    { roundTripMs: 250, msPerTransaction: 7, calls: 1 },
  ])(
    'are $calls at a round trip of $roundTripMs ms and $msPerTransaction ms a transaction',
    ({ calls, ...pace }) => {
      expect(callsUnderWay('auto', size, pace)).toBe(calls)
    },
  )

  it('are as many as somebody has asked for', () => {
    expect(callsUnderWay(1, size, { roundTripMs: 250, msPerTransaction: 0.01 })).toBe(1)
    expect(callsUnderWay(3, size, { roundTripMs: 0, msPerTransaction: 1 })).toBe(3)
  })

  it('carry together what takes a round trip, and one alone carries all that it may', () => {
    const pace = { roundTripMs: 240, msPerTransaction: 0.1 }
    expect(sharedSize(size, 1, pace)).toEqual(size)
    expect(sharedSize(size, 4, pace)).toEqual({ ...size, transactions: 2_048 })
    expect(sharedSize(size, 2, pace)).toEqual({ ...size, transactions: 3_000 })
    expect(sharedSize(size, 4, { ...pace, roundTripMs: 1 })).toEqual({ ...size, transactions: 2_048 })
    expect(sharedSize({ ...size, transactions: 2 }, 4, pace)).toEqual({ ...size, transactions: 2 })
  })
})
