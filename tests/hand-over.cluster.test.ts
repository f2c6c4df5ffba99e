import { describeEachPostgres } from '@outpost/lab/testing'
import { describe, expect, it } from 'vitest'
import { runHandOver } from './harness/hand-over-run.ts'

describeEachPostgres('P6: hand-over from the journal to the replica under load', (pg) => {
  it('no reader misses, doubles or tears a row while the link flaps and the site restarts', async () => {
    const result = await runHandOver(pg, { durationMs: 12_000, restarts: 2 })
    expect(result.faults).toEqual({ missed: [], doubled: [], torn: [], vanished: [], failed: [] })
    expect(result.violations).toEqual([])
    expect(result.recorded).toBeGreaterThan(200)
    expect(result.reads).toBeGreaterThan(200)
    expect(result.flaps).toBeGreaterThan(2)
    // The readers did read on the replica, where the hand-over happens.
    expect(result.servedByReplica).toBeGreaterThan(100)
  }, 120_000)
})

describe('P6: what a reader may expect', () => {
  it('counts files, steps of the unit and of the counter after each transaction of a stream', async () => {
    const { stateAfter } = await import('./harness/live-readers.ts')
    expect([0, 1, 2, 3, 4, 5].map((n) => stateAfter(n))).toEqual([
      { files: 0, unit: 0, counter: 0 },
      { files: 2, unit: 0, counter: 0 },
      { files: 2, unit: 0, counter: 2 },
      { files: 3, unit: 3, counter: 2 },
      { files: 2, unit: 3, counter: 2 },
      { files: 4, unit: 3, counter: 2 },
    ])
  })
})
