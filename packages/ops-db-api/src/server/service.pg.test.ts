import { randomUUID } from 'node:crypto'
import { describeEachPostgres, waitFor } from '@outpost/lab/testing'
import { describe, expect, it } from 'vitest'
import { useServiceStage } from './service-stage.spec-suite.ts'

const uuid = /^[0-9a-f-]{36}$/
const unknownId = '0190b7a4-1f2e-7c33-8a55-66d0c1a2b3c4'

describeEachPostgres('the service at two sites', (version) => {
  const stage = useServiceStage(version)
  const { post, put, get, start, onMain, untilOnMain } = stage

  describe('while the link is cut', () => {
    it('P1, P2, P6: records a whole observation, reads it back at once, and everything reaches main once', async () => {
      stage.sites.link.cut()
      const id = await start({
        start_time: '2026-04-15T22:30:00Z',
        mean_elevation: 55.5,
        notes: "it's dry' --",
      })
      const configured = await post(`/executed_obs_units/${id}/instrument_configurations`, {
        instrument_module_id: 1,
        parameters: { bias: [1, 2.5] },
      })
      expect(configured.status).toBe(201)
      const files = await post('/raw_data_files/bulk', {
        files: [1, 2, 3].map((n) => ({
          executed_obs_unit_id: id,
          name: `${n}.fits`,
          instrument_module_id: 1,
          size_bytes: 1_000_000_000 * n,
        })),
      })
      expect(files.body).toMatchObject({ count: 3, transaction_state: 'buffered' })
      const packed = await post('/raw_data_packages', {
        executed_obs_unit_id: id,
        name: 'p.tar',
        instrument_module_id: 1,
        file_ids: files.body.ids,
      })
      expect(packed.status).toBe(201)
      const finalized = await put(`/raw_data_packages/${packed.body.id}/finalize`)
      expect(finalized.body).toMatchObject({ size_bytes: 6_000_000_000, file_count: 3 })
      const transfer = await post('/data_transfers', {
        raw_data_package_id: packed.body.id,
        origin_id: 2,
        destination_id: 4,
      })
      expect(transfer.status).toBe(201)
      expect((await put(`/data_transfers/${transfer.body.id}/status`, { status: 'running' })).status).toBe(
        200,
      )
      const finished = await put(`/executed_obs_units/${id}/finish`, { end_time: '2026-04-15T22:40:00Z' })
      expect(finished.body).toMatchObject({
        id,
        status: 'completed',
        transaction_state: 'buffered',
        transaction_id: expect.stringMatching(uuid),
      })

      const unit = await get(`/executed_obs_units/${id}`)
      expect(unit.body).toMatchObject({
        id,
        status: 'completed',
        start_time: '2026-04-15T22:30:00.000Z',
        end_time: '2026-04-15T22:40:00.000Z',
        mean_elevation: 55.5,
        notes: "it's dry' --",
        transaction_state: 'buffered',
      })
      const { items } = (await get('/executed_obs_units?status=completed&sort=-start_time&limit=500')).body
      expect(items.find((item) => item.id === id)).toEqual(unit.body)
      const overview = await get('/api/transfer/overview')
      expect(overview.body).toMatchObject({
        transfers: { by_state: { running: 1 } },
        packages: { by_state: { transferring: 1 } },
      })

      stage.sites.link.restore()
      await waitFor(
        async () => {
          const [row] = await onMain(
            `SELECT (SELECT status FROM executed_obs_unit WHERE id = $1) AS status, (SELECT count(*)::int FROM raw_data_file WHERE executed_obs_unit_id = $1 AND raw_data_package_id = $2) AS files`,
            [id, packed.body.id],
          )
          return row?.status === 'completed' && row?.files === 3
        },
        { what: 'everything on main' },
      )
      await waitFor(
        async () => (await get(`/executed_obs_units/${id}`)).body.transaction_state === 'replicated',
        { what: 'it reads as replicated', deadlineMs: 20_000 },
      )
      expect({ ...(await get(`/executed_obs_units/${id}`)).body, transaction_state: '' }).toEqual({
        ...unit.body,
        transaction_state: '',
      })
      const steps = await get(`/transactions/${finished.body.transaction_id}`)
      expect(steps.body).toMatchObject({
        buffered_at: expect.any(String),
        applied_at: expect.any(String),
        replicated_at: expect.any(String),
        rejection: null,
      })
    })

    it('N5: refuses reference data with what still works, and reads it on', async () => {
      stage.sites.link.cut()
      const refused = await post('/sources', { name: `late ${randomUUID()}`, type: 'constant_elevation' })
      expect(refused).toMatchObject({
        status: 503,
        body: { code: 'main_unreachable', hint: expect.stringContaining('goes on') },
      })
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
      expect((await get('/sources?limit=500')).body.items.length).toBeGreaterThanOrEqual(24)
    })
  })

  describe('checks on the overlaid replica', () => {
    it('N21: a token that was changed, with a write too, of which nothing is recorded', async () => {
      const written = await post('/executed_obs_units/start', { obs_unit_id: 1 })
      const token = String(written.body.token)
      const changed = { 'outpost-token': `${token.slice(0, -6)}AAAAAA` }
      const { length } = await stage.sites.observatory.site.transactions({ limit: 1_000 })
      for (const refused of [
        await post('/executed_obs_units/start', { obs_unit_id: 1 }, changed),
        await put(`/executed_obs_units/${String(written.body.id)}/finish`, {}, changed),
        await get('/executed_obs_units', changed),
      ]) {
        expect(refused).toMatchObject({ status: 400, body: { code: 'token_invalid' } })
      }
      expect(await stage.sites.observatory.site.transactions({ limit: 1_000 })).toHaveLength(length)
      const finish = `/executed_obs_units/${String(written.body.id)}/finish`
      expect(await put(finish, {}, { 'outpost-token': token })).toMatchObject({ status: 200 })
    })

    it('P9: an unknown unit', async () => {
      const answer = await post('/executed_obs_units/start', { obs_unit_id: 999_999 })
      expect(answer).toMatchObject({ status: 422, body: { code: 'unknown_obs_unit' } })
    })

    it('P9, N21: finish before start is 404 once main has proven it, and 503 before', async () => {
      stage.sites.link.cut()
      const unproven = await put(`/executed_obs_units/${unknownId}/finish`)
      expect(unproven).toMatchObject({ status: 503, body: { code: 'not_here_yet' } })
      expect(await get(`/executed_obs_units/${unknownId}`)).toMatchObject({
        status: 503,
        body: { code: 'not_here_yet' },
      })
      stage.sites.link.restore()
      const proven = await waitFor(
        async () => {
          const answer = await put(`/executed_obs_units/${unknownId}/finish`)
          return answer.status === 503 ? undefined : answer
        },
        { what: 'main can be asked' },
      )
      expect(proven).toMatchObject({ status: 404, body: { code: 'not_found' } })
      const absent = await waitFor(
        async () => {
          const answer = await get(`/executed_obs_units/${unknownId}`)
          return answer.status === 503 ? undefined : answer
        },
        { what: 'main answers in time' },
      )
      expect(absent).toMatchObject({ status: 404, body: { code: 'not_found' } })
    })

    it('P9: finish twice, and a status after the end', async () => {
      const id = await start()
      expect((await put(`/executed_obs_units/${id}/status`, { status: 'paused' })).status).toBe(200)
      expect((await put(`/executed_obs_units/${id}/finish`)).status).toBe(200)
      expect(await put(`/executed_obs_units/${id}/finish`)).toMatchObject({
        status: 409,
        body: { code: 'state_conflict' },
      })
      expect(await put(`/executed_obs_units/${id}/status`, { status: 'running' })).toMatchObject({
        status: 409,
        body: { code: 'state_conflict' },
      })
    })

    it('N22: of two finishes at once, one wins', async () => {
      const id = await start()
      const both = await Promise.all([
        put(`/executed_obs_units/${id}/finish`),
        put(`/executed_obs_units/${id}/finish`),
      ])
      expect(both.map(({ status }) => status).sort()).toEqual([200, 409])
    })

    it('P9: an end before the start', async () => {
      const id = await start({ start_time: '2026-04-15T22:30:00Z' })
      const answer = await put(`/executed_obs_units/${id}/finish`, { end_time: '2026-04-15T22:29:59Z' })
      expect(answer).toMatchObject({ status: 422, body: { code: 'end_before_start' } })
    })

    it('P2: takes an end at a clock that has not come to the start yet, pending or replicated', async () => {
      const aheadMs = Date.now() + 3_600_000
      for (const isReplicated of [false, true]) {
        const start_time = new Date(aheadMs).toISOString()
        const id = await start({ start_time })
        if (isReplicated) {
          await waitFor(
            async () => (await get(`/executed_obs_units/${id}`)).body.transaction_state === 'replicated',
            {
              what: 'the start on the replica',
            },
          )
        }
        expect(await put(`/executed_obs_units/${id}/finish`)).toMatchObject({
          status: 200,
          body: { status: 'completed' },
        })
        expect((await get(`/executed_obs_units/${id}`)).body).toMatchObject({ end_time: start_time })
      }
    })

    it('N22: an id that is known already, pending or replicated', async () => {
      const id = randomUUID()
      await start({ id })
      expect((await post('/executed_obs_units/start', { obs_unit_id: 1, id })).status).toBe(409)
      await untilOnMain(id)
      await waitFor(
        async () => (await get(`/executed_obs_units/${id}`)).body.transaction_state === 'replicated',
        { what: 'replicated', deadlineMs: 20_000 },
      )
      expect((await post('/executed_obs_units/start', { obs_unit_id: 1, id })).status).toBe(409)
    })

    it('P9: a file of an unknown unit, a second package of a module, a package over 50 GB', async () => {
      const orphan = await post('/raw_data_files', { executed_obs_unit_id: unknownId, name: 'a' })
      expect(orphan).toMatchObject({ status: 422, body: { code: 'unknown_reference' } })
      const id = await start()
      const file = {
        executed_obs_unit_id: id,
        name: 'big',
        instrument_module_id: 2,
        size_bytes: 50_000_000_001,
      }
      expect((await post('/raw_data_files', file)).status).toBe(201)
      expect(await post('/raw_data_files', file)).toMatchObject({
        status: 409,
        body: { code: 'already_exists' },
      })
      const packed = await post('/raw_data_packages', {
        executed_obs_unit_id: id,
        name: 'a',
        instrument_module_id: 2,
      })
      expect(packed.status).toBe(201)
      const second = await post('/raw_data_packages', {
        executed_obs_unit_id: id,
        name: 'b',
        instrument_module_id: 2,
      })
      expect(second).toMatchObject({
        status: 409,
        body: {
          code: 'package_exists',
          details: { constraint: 'raw_data_package_module_key', conflict: { key: { id: packed.body.id } } },
        },
      })
      expect(await put(`/raw_data_packages/${packed.body.id}/finalize`)).toMatchObject({
        status: 422,
        body: { code: 'package_too_large' },
      })
    })

    it('P2: accepts and flags what it cannot check while every database is away', async () => {
      const id = await start()
      await waitFor(
        async () => (await get(`/executed_obs_units/${id}`)).body.transaction_state === 'replicated',
        { what: 'replicated', deadlineMs: 20_000 },
      )
      stage.sites.link.cut()
      await stage.sites.cluster.standby.stop()
      try {
        const finished = await put(`/executed_obs_units/${id}/finish`)
        expect(finished.status).toBe(200)
        const { body } = await get(`/transactions/${finished.body.transaction_id}`)
        expect(body.flags).toContain('shape_only')
        expect(await get('/executed_obs_units')).toMatchObject({ status: 503 })
        const pending = await start()
        expect((await get(`/executed_obs_units/${pending}`)).body).toMatchObject({
          id: pending,
          status: 'running',
        })
        expect(await get(`/executed_obs_units/${unknownId}`)).toMatchObject({
          status: 503,
          body: { code: 'not_here_yet' },
        })
      } finally {
        await stage.sites.cluster.standby.start()
      }
    })
  })

  it('P5, P12: a transaction that main rejects is recorded and listed with the reason', async () => {
    const unit = await start()
    await untilOnMain(unit)
    stage.sites.link.cut()
    const file = { executed_obs_unit_id: unit, name: 'twice', instrument_module_id: 1 }
    const [{ body }] = [await post('/raw_data_files', file)]
    await stage.sites.cluster.primary.query(
      'INSERT INTO raw_data_file (executed_obs_unit_id, name, instrument_module_id) VALUES ($1, $2, 1)',
      [unit, 'twice'],
    )
    stage.sites.link.restore()
    await waitFor(async () => (await get(`/transactions/${body.transaction_id}`)).body.state === 'rejected', {
      what: 'rejected',
      deadlineMs: 30_000,
    })
    const listed = (await get('/transactions?state=rejected')).body.items.find(
      (item) => item.id === body.transaction_id,
    )
    expect(listed).toMatchObject({
      applied_at: null,
      rejected_at: expect.any(String),
      rejection: { sqlstate: '23505', constraint: 'raw_data_file_name_key' },
    })
  })

  it('shows health and statistics', async () => {
    const { body, status } = await get('/health')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      database: 'connected',
      redis: 'unused',
      transaction_buffer: { size: expect.any(Number) },
    })
    expect((await get('/health/ready')).status).toBe(200)
    expect((await get('/buffer-stats')).body).toMatchObject({
      pending_transactions: expect.any(Number),
      buffer_size_mb: expect.any(Number),
    })
  })

  it('P2: a site restarted with every database away still knows its tokens and its rows', async () => {
    const id = await start()
    await untilOnMain(id)
    stage.sites.link.cut()
    const pending = await start()
    await stage.sites.observatory.stop()
    await stage.sites.cluster.standby.stop()
    try {
      await stage.sites.openObservatory()
      expect((await get(`/executed_obs_units/${pending}`)).body).toMatchObject({
        id: pending,
        transaction_state: 'buffered',
      })
      expect((await post('/executed_obs_units/start', { obs_unit_id: 1 })).status).toBe(201)
    } finally {
      await stage.sites.cluster.standby.start()
    }
  })
})
