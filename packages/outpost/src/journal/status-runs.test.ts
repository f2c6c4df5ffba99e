import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TransactionStatus } from './journal.ts'
import { type StatusRuns, spliceRuns, statusAt } from './status-runs.ts'

const states = ['applied', 'replicated', 'parked', 'buffered'] as const

const change = fc
  .record({
    from: fc.integer({ min: 0, max: 30 }),
    length: fc.integer({ min: 0, max: 15 }),
    state: fc.constantFrom(...states),
    appliedAtMs: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  })
  .map(({ from, length, state, appliedAtMs }) => ({
    from,
    to: from + length,
    status: { state, ...(appliedAtMs === undefined ? {} : { appliedAtMs }) } satisfies TransactionStatus,
  }))

describe('status runs', () => {
  it('agree with a status kept for each seq, never overlap, and join where they are equal', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        let runs: StatusRuns = []
        const model = new Map<number, TransactionStatus>()
        for (const next of changes) {
          runs = spliceRuns(runs, next)
          for (let seq = next.from; seq <= next.to; seq += 1) {
            const before = next.status.state === 'buffered' ? undefined : model.get(seq)
            model.set(seq, { ...before, ...next.status })
          }
        }
        for (let seq = 0; seq <= 50; seq += 1) expect(statusAt(runs, seq)).toEqual(model.get(seq))
        for (const [index, run] of runs.entries()) {
          expect(run.from).toBeLessThanOrEqual(run.to)
          if (index > 0) expect(run.from).toBeGreaterThan(runs[index - 1]!.to)
        }
      }),
    )
  })
})
