import { randomUUID } from 'node:crypto'
import { describeEachPostgres } from '@outpost/lab/testing'
import { describe, expect, it } from 'vitest'
import { useServiceStage } from './service-stage.spec-suite.ts'

describeEachPostgres('the answers of the service', (version) => {
  const stage = useServiceStage(version)
  const { post, put, start, onMain } = stage

  describe('Idempotency-Key', () => {
    it('N22: gives the same answer again, and refuses another request', async () => {
      const key = { 'idempotency-key': randomUUID() }
      const first = await post('/executed_obs_units/start', { obs_unit_id: 1 }, key)
      const again = await post('/executed_obs_units/start', { obs_unit_id: 1 }, key)
      expect(again.status).toBe(201)
      expect(again.body).toMatchObject({ id: first.body.id, transaction_id: first.body.transaction_id })
      expect(again.headers['idempotency-replayed']).toBe('true')
      expect(await post('/executed_obs_units/start', { obs_unit_id: 2 }, key)).toMatchObject({
        status: 422,
        body: { code: 'idempotency_conflict' },
      })
    })

    it('N22: a repeated finish is no conflict', async () => {
      const id = await start()
      const key = { 'idempotency-key': randomUUID() }
      const answers = [
        await put(`/executed_obs_units/${id}/finish`, {}, key),
        await put(`/executed_obs_units/${id}/finish`, {}, key),
      ]
      expect(answers.map(({ status }) => status)).toEqual([200, 200])
    })

    it('N5: holds for reference data too', async () => {
      const key = { 'idempotency-key': randomUUID() }
      const body = { name: `new ${randomUUID()}`, type: 'fixed', ra_deg: 10, dec_deg: -20 }
      const first = await post('/sources', body, key)
      expect(first).toMatchObject({ status: 201, body: { ...body, naif_id: null } })
      expect((await post('/sources', body, key)).body).toEqual(first.body)
      expect(await post('/sources', body)).toMatchObject({
        status: 409,
        body: { code: 'already_exists', details: { constraint: 'source_name_key' } },
      })
      const changed = await put(`/sources/${first.body.id}`, { note: 'seen' })
      expect(changed.body).toMatchObject({ id: first.body.id, note: 'seen', ra_deg: 10 })
    })
  })

  describe('the main site', () => {
    it('N5: journals too, and answers when main has it', async () => {
      const answer = await stage.sites.call(stage.sites.main, 'POST', '/executed_obs_units/start', {
        obs_unit_id: 1,
      })
      expect(answer).toMatchObject({
        status: 201,
        body: { transaction_state: expect.stringMatching(/applied|replicated/) },
      })
      expect(await onMain('SELECT FROM executed_obs_unit WHERE id = $1', [answer.body.id])).toHaveLength(1)
    })
  })
})
