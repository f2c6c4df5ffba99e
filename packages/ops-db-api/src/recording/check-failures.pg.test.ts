import { untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { useServiceStage } from '../server/service-stage.spec-suite.ts'

describeEachPostgres('a check that the database refuses', (version) => {
  const stage = useServiceStage(version)
  const { post, get } = stage
  const onMain = async (sql: string) => {
    await stage.onMain(sql)
    await untilCaughtUp(stage.sites.cluster.standby, stage.sites.cluster.primary)
  }

  it('P2, P11: stops no recording, and health tells that checks fail', async () => {
    await onMain('ALTER TABLE obs_unit RENAME TO obs_unit_away')
    try {
      const { status, body } = await post('/executed_obs_units/start', { obs_unit_id: 1 })
      expect(status).toBe(201)
      expect((await get(`/transactions/${String(body.transaction_id)}`)).body.flags).toContain('shape_only')
      expect((await get('/health')).body).toMatchObject({
        status: 'degraded',
        problems: [{ code: 'checks_failing', message: expect.stringContaining('SQLSTATE 42P01') }],
      })
    } finally {
      await onMain('ALTER TABLE obs_unit_away RENAME TO obs_unit')
    }
  })
})
