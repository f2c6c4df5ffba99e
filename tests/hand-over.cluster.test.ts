import { describeEachPostgres } from '@outpost/lab/testing'
import { describe, expect, it } from 'vitest'
import { runHandOver } from './harness/hand-over-run.ts'
import { stateAfter, tornPart } from './harness/live-readers.ts'

describeEachPostgres('P6: hand-over from the journal to the replica under load', (pg) => {
  it('no reader misses, doubles or tears a row while the link flaps and the site restarts', async () => {
    const result = await runHandOver(pg, { durationMs: 12_000, restarts: 2 })
    expect(result.faults).toEqual({ missed: [], doubled: [], torn: [], vanished: [], failed: [] })
    expect(result.violations).toEqual([])
    expect(result.recorded).toBeGreaterThan(100)
    expect(result.reads).toBeGreaterThan(100)
    expect(result.flaps).toBeGreaterThan(2)
    // The readers did read on the replica, where the hand-over happens.
    expect(result.servedByReplica).toBeGreaterThan(50)
  }, 120_000)
})

describe('P6: what a reader may expect', () => {
  it('counts files, steps of the unit and of the counter after each transaction of a stream', async () => {
    expect([0, 1, 2, 3, 4, 5].map((n) => stateAfter(n))).toEqual([
      { files: 0, unit: 0, counter: 0 },
      { files: 2, unit: 0, counter: 0 },
      { files: 2, unit: 0, counter: 2 },
      { files: 3, unit: 3, counter: 2 },
      { files: 2, unit: 3, counter: 2 },
      { files: 4, unit: 3, counter: 2 },
    ])
  })

  it('sees a part of a transaction without the others, and a change turned back', () => {
    const after19 = { audits: 20, ...stateAfter(19) }
    expect(tornPart(after19, 19)).toBeUndefined()
    expect(tornPart({ ...after19, counter: 2 }, 19)).toBe('counter not 18')
    expect(tornPart({ ...after19, unit: 15 }, 19)).toBe('unit not 19')
    expect(tornPart({ ...after19, files: after19.files + 1 }, 19)).toBeDefined()
    expect(tornPart({ ...after19, audits: 19 }, 19)).toBeDefined()
  })
})
