import { describeEachPostgres, waitFor } from '@outpost/lab/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestSite, TwoSites } from './two-sites.spec-suite.ts'

describeEachPostgres('units, packages and transfers that main compares', (version) => {
  let sites: TwoSites
  let observatory: TestSite

  beforeAll(async () => {
    sites = await TwoSites.start(version)
    const { primary, standby } = sites.cluster
    const tables = ['executed_obs_unit', 'raw_data_package', 'data_transfer']
    for (const table of tables)
      await primary.query(`SELECT outpost.set_conflict_policy('public.${table}', 'compare_and_set')`)
    await waitFor(
      async () => (await standby.query('SELECT FROM outpost.conflict_policy')).length === tables.length,
      { what: 'the policies on the replica' },
    )
    observatory = await sites.openObservatory()
  })
  afterAll(() => sites.stop())

  const call = (method: 'GET' | 'POST' | 'PUT', url: string, body?: unknown) =>
    sites.call(observatory, method, url, body, { authorization: `Bearer ${sites.bearer('admin')}` })
  const transaction = async (id: unknown) => (await call('GET', `/transactions/${String(id)}`)).body
  const untilState = (id: unknown, state: string) =>
    waitFor(async () => (await transaction(id)).state === state, {
      what: `being ${state}`,
      deadlineMs: 20_000,
    })

  it('are changed by what the site shows of them, also while the link is cut', async () => {
    sites.link.cut()
    const unit = (await call('POST', '/executed_obs_units/start', { obs_unit_id: 1 })).body
    const pack = (
      await call('POST', '/raw_data_packages', {
        executed_obs_unit_id: unit.id,
        name: `${String(unit.id)}.tar`,
      })
    ).body
    expect(
      (await call('PUT', `/executed_obs_units/${String(unit.id)}/status`, { status: 'paused' })).status,
    ).toBe(200)
    expect((await call('PUT', `/raw_data_packages/${String(pack.id)}/finalize`)).status).toBe(200)
    const places = await sites.cluster.primary.query<{ id: number }>(
      'SELECT id FROM data_location ORDER BY id LIMIT 2',
    )
    const transfer = (
      await call('POST', '/data_transfers', {
        raw_data_package_id: pack.id,
        origin_id: places[0]!.id,
        destination_id: places[1]!.id,
      })
    ).body
    const running = await call('PUT', `/data_transfers/${String(transfer.id)}/status`, { status: 'running' })
    expect(running.status).toBe(200)
    const finished = await call('PUT', `/executed_obs_units/${String(unit.id)}/finish`, {})
    expect((await transaction(finished.body.transaction_id)).operations).toMatchObject([
      { seen: { status: 'paused' } },
    ])
    sites.link.restore()
    for (const { body } of [running, finished]) await untilState(body.transaction_id, 'replicated')
  })

  it('are left as they are where somebody else was faster, and the refusal says by which code', async () => {
    const unit = (await call('POST', '/executed_obs_units/start', { obs_unit_id: 1 })).body
    await untilState(unit.transaction_id, 'replicated')
    sites.link.cut()
    const finished = (await call('PUT', `/executed_obs_units/${String(unit.id)}/finish`, {})).body
    await sites.cluster.primary.query(
      `UPDATE executed_obs_unit SET status = 'aborted', end_time = now() WHERE id = $1`,
      [unit.id],
    )
    sites.link.restore()
    await untilState(finished.transaction_id, 'rejected')
    expect(await transaction(finished.transaction_id)).toMatchObject({
      rejection: { code: 'conflict', sqlstate: 'OP006' },
      conflicts: {
        answered: true,
        items: [{ base: { status: 'running' }, theirs: { status: 'aborted' }, rejected: true }],
      },
    })
    const nobody = '0193a1c2-7d3e-7000-8000-00000000dead'
    expect((await call('PUT', `/executed_obs_units/${nobody}/finish`, {})).status).toBe(404)
  })
})
