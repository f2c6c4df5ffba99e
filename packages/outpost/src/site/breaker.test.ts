import { describe, expect, it } from 'vitest'
import { Breaker } from './breaker.ts'

describe('Breaker', () => {
  it('leaves a failing node alone for longer each time, up to the limit', () => {
    const breaker = new Breaker({ firstPauseMs: 100, maxPauseMs: 300 })
    expect(breaker.isUsable(0)).toBe(true)
    breaker.failed(0)
    breaker.failed(50)
    expect(breaker.isUsable(99)).toBe(false)
    expect(breaker.isUsable(100)).toBe(true)
    breaker.failed(100)
    expect(breaker.isUsable(299)).toBe(false)
    breaker.failed(300)
    breaker.failed(600)
    expect(breaker.isUsable(899)).toBe(false)
    expect(breaker.isUsable(900)).toBe(true)
  })

  it('P2: is usable at once after a success', () => {
    const breaker = new Breaker({ firstPauseMs: 100, maxPauseMs: 300 })
    breaker.failed(0)
    breaker.succeeded()
    expect(breaker.isUsable(1)).toBe(true)
  })
})
