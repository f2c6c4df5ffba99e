import { describeEachPostgres, describeRedis, useCluster, useRedis } from '@outpost/lab/testing'
import { describe, expect, it } from 'vitest'
import { redisFaults, runFallbacks } from './harness/fallback-runs.ts'

const runsPerFault = 1

describeRedis('on a journal in Redis with a fallback', () => {
  const redis = useRedis()

  describeEachPostgres(
    'P1, P3, P4: Redis fails, and three processes of a site are killed around it',
    (pg) => {
      const cluster = useCluster(pg)

      describe.each(redisFaults)('%s', (fault) => {
        it(`${runsPerFault * 3} kills, and every acknowledged transaction is on main once and in order`, async () => {
          const order = { cluster: cluster(), redis: redis(), fault, runs: runsPerFault, seed: 1 }
          const result = await runFallbacks(order)
          expect(result.contradictions).toEqual([])
          expect(result.violations).toEqual([])
          expect(result.kills).toBe(runsPerFault * 3)
          expect(result.acknowledged).toBeGreaterThan(runsPerFault * 30)
        }, 240_000)
      })
    },
  )
})
