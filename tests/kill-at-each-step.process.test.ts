import { describeEachPostgres, useCluster } from '@outpost/lab/testing'
import { describe, expect, it } from 'vitest'
import { killSteps } from './harness/kill-points.ts'
import { runKills } from './harness/kill-runs.ts'

const runsPerStep = 20

describeEachPostgres('P1, P3: kill -9 of a site at each step', (pg) => {
  const cluster = useCluster(pg)

  describe.each(killSteps)('%s', (step) => {
    it(`${runsPerStep} times, and every acknowledged transaction is on main once`, async () => {
      const result = await runKills({ cluster: cluster(), step, runs: runsPerStep, seed: 1 })
      expect(result.contradictions).toEqual([])
      expect(result.violations).toEqual([])
      expect(result.kills).toBe(runsPerStep)
      expect(result.acknowledged).toBeGreaterThan(runsPerStep)
      // N22: what was stored and not answered is answered under the same Idempotency-Key after the restart.
      if (step === 'after_sync') expect(result.replays).toBeGreaterThan(0)
    }, 180_000)
  })
})
