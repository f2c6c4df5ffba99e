import { describeEachPostgres, describeRedis, useCluster, useRedis } from '@outpost/lab/testing'
import { describe, expect, it } from 'vitest'
import { killSteps } from './harness/kill-points.ts'
import { runSharedKills } from './harness/shared-kill-runs.ts'

const runsPerStep = 4

describeRedis('on a journal in Redis', () => {
  const redis = useRedis()

  describeEachPostgres(
    'P1, P3: kill -9 of three processes of a site, the one that drains among them',
    (pg) => {
      const cluster = useCluster(pg)

      describe.each(killSteps)('%s', (step) => {
        it(`${runsPerStep * 3} kills, and every acknowledged transaction is on main once`, async () => {
          const order = { cluster: cluster(), redis: redis(), step, runs: runsPerStep, seed: 1 }
          const result = await runSharedKills(order)
          expect(result.contradictions).toEqual([])
          expect(result.violations).toEqual([])
          expect(result.kills).toBe(runsPerStep * 3)
          expect(result.acknowledged).toBeGreaterThan(runsPerStep * 3)
          // N22: what was stored and not answered is answered under the same Idempotency-Key after the restart.
          if (step === 'after_sync') expect(result.replays).toBeGreaterThan(0)
        }, 240_000)
      })
    },
  )
})
