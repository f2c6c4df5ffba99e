import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs } from './backoff.ts'
import {
  afterFailure,
  afterSuccess,
  type BatchSize,
  batchLimits,
  firstSize,
  presumedSize,
} from './batch-size.ts'
import { callDeadlineMs, measured, unknownLink } from './call-deadline.ts'

const finished = { transactions: 10, durationMs: 300, roundTripMs: 250, isFull: true }

describe('batch size', () => {
  it('N12: halves what was sent at each failure, down to one transaction', () => {
    let size: BatchSize = { bytes: 512 * 1024, transactions: 512 }
    const sent: number[] = []
    for (let i = 0; i < 12; i++) {
      size = afterFailure(size, size.transactions, size.bytes)
      sent.push(size.transactions)
    }
    expect(sent.slice(0, 3)).toEqual([256, 128, 64])
    expect(size.transactions).toBe(1)
    // A batch smaller than allowed is the one that halves: so poison is bisected.
    expect(afterFailure(batchLimits.largest, 6, 5_000)).toEqual({ bytes: 2_500, transactions: 3 })
  })

  it('N12: grows again with success, faster where the round trip outweighs the work', () => {
    expect(afterSuccess({ bytes: 1, transactions: 1 }, finished).transactions).toBe(4)
    expect(
      afterSuccess({ bytes: 100, transactions: 100 }, { ...finished, durationMs: 2_000 }).transactions,
    ).toBe(200)
    expect(afterSuccess({ bytes: 100, transactions: 100 }, { ...finished, isFull: false }).transactions).toBe(
      100,
    )
    expect(
      afterSuccess({ bytes: 100, transactions: 100 }, { ...finished, durationMs: 6_000 }).transactions,
    ).toBe(50)
    expect(afterSuccess(batchLimits.largest, finished)).toEqual(batchLimits.largest)
  })

  it('N12: begins with more the longer the round trip, never with more than a slow link carries between cuts', () => {
    expect(firstSize(0)).toEqual({ bytes: 512 * 1024, transactions: 512 })
    expect(firstSize(250)).toEqual({ bytes: 1024 * 1024, transactions: 4000 })
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), (roundTripMs) => {
        const { bytes, transactions } = firstSize(roundTripMs)
        // At 10 kB/s, in less than two minutes.
        expect(bytes).toBeLessThanOrEqual(10_000 * 120)
        expect([Number.isInteger(bytes), Number.isInteger(transactions)]).toEqual([true, true])
      }),
    )
  })

  it('presumes for the next batch no more than a success in good time allows', () => {
    const size: BatchSize = { bytes: 1_000, transactions: 100 }
    const { bytes, transactions } = presumedSize(size)
    for (const durationMs of [10, 4_900]) {
      const actual = afterSuccess(size, { ...finished, durationMs })
      expect([bytes <= actual.bytes, transactions <= actual.transactions]).toEqual([true, true])
    }
    expect(presumedSize(batchLimits.largest)).toEqual(batchLimits.largest)
  })

  it('gives a call on a slow link the time that its bytes need, and never forever', () => {
    expect(callDeadlineMs(100_000, 1, unknownLink)).toBeGreaterThan(30_000)
    fc.assert(
      fc.property(
        fc.nat(10_000_000),
        fc.nat(10_000),
        fc.integer({ min: 1, max: 1e7 }),
        (bytes, transactions, durationMs) => {
          const link = measured(unknownLink, bytes, transactions, durationMs)
          expect(Number.isFinite(callDeadlineMs(bytes, transactions, link))).toBe(true)
          expect(callDeadlineMs(bytes, transactions, link)).toBeGreaterThanOrEqual(15_000)
        },
      ),
    )
  })

  it('P2: backs off with jitter up to its cap, however often it failed', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.double({ min: 0, max: 0.999, noNaN: true }), (failures, random) => {
        const ms = backoffMs(failures, random)
        expect(ms).toBeGreaterThanOrEqual(50)
        expect(ms).toBeLessThanOrEqual(5_000)
      }),
    )
  })
})
