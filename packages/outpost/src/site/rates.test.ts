import { describe, expect, it } from 'vitest'
import { MinuteRate } from './rates.ts'

describe('MinuteRate', () => {
  it('averages over the last minute and forgets what is older', () => {
    const rate = new MinuteRate()
    rate.add(120, 1_000)
    rate.add(60, 30_500)
    expect(rate.perSecond(31_000)).toBe(3)
    expect(rate.perSecond(61_500)).toBe(1)
    expect(rate.perSecond(200_000)).toBe(0)
  })
})
