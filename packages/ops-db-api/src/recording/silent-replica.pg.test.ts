import { describeEachPostgres, waitFor } from '@outpost/lab/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestSite, TwoSites } from '../server/two-sites.spec-suite.ts'

/** As short as in the product: what a silent database would say is not waited for. */
const checkBudgetMs = 50

describeEachPostgres('a change of what is confirmed, while nobody answers', (version) => {
  let sites: TwoSites

  beforeAll(async () => {
    sites = await TwoSites.start(version)
    await sites.openObservatory(checkBudgetMs)
    await sites.openMain(checkBudgetMs)
  })
  afterAll(() => sites.stop())

  const record = async (site: TestSite, method: 'POST' | 'PUT', url: string, body: unknown = {}) => {
    const answer = await sites.call(site, method, url, body)
    expect([200, 201]).toContain(answer.status)
    return answer.body
  }
  const start = async (site: TestSite) =>
    String((await record(site, 'POST', '/executed_obs_units/start', { obs_unit_id: 1 })).id)
  /** Everything has left the overlay: only the replica, or the journal, knows it now. */
  const untilConfirmed = (site: TestSite) =>
    waitFor(() => site.site.bufferStatistics().pending_transactions === 0, { what: 'all confirmed' })
  const refusal = async (site: TestSite, url: string, body: unknown = {}) => {
    const answer = await sites.call(site, 'PUT', url, body)
    return [answer.status, answer.body.code]
  }

  it('N22: what this site ended is not ended twice, before and after a restart', async () => {
    const { standby } = sites.cluster
    let site = sites.observatory
    const ended = await start(site)
    const going = await start(site)
    await record(site, 'PUT', `/executed_obs_units/${ended}/finish`)
    await record(site, 'PUT', `/executed_obs_units/${going}/status`, { status: 'paused' })
    const tar = { executed_obs_unit_id: ended, name: 'p.tar', instrument_module_id: 1 }
    const { id: packed } = await record(site, 'POST', '/raw_data_packages', tar)
    await record(site, 'PUT', `/raw_data_packages/${packed}/finalize`)
    const way = { raw_data_package_id: packed, origin_id: 2, destination_id: 4 }
    const { id: sent } = await record(site, 'POST', '/data_transfers', way)
    await record(site, 'PUT', `/data_transfers/${sent}/status`, { status: 'completed' })
    await untilConfirmed(site)
    await standby.pause()
    try {
      for (const round of ['before', 'after a restart']) {
        const answers = [
          await refusal(site, `/executed_obs_units/${ended}/finish`),
          await refusal(site, `/executed_obs_units/${ended}/status`, { status: 'running' }),
          await refusal(site, `/raw_data_packages/${packed}/finalize`),
          await refusal(site, `/data_transfers/${sent}/status`, { status: 'failed' }),
        ]
        expect({ round, answers }).toEqual({
          round,
          answers: [
            [409, 'state_conflict'],
            [409, 'state_conflict'],
            [409, 'package_finalized'],
            [409, 'state_conflict'],
          ],
        })
        if (round !== 'before') break
        await site.stop()
        site = await sites.openObservatory(checkBudgetMs)
      }
      // Others may have moved on what has not ended: that is main's to judge.
      const { transaction_id } = await record(site, 'PUT', `/executed_obs_units/${going}/status`, {
        status: 'paused',
      })
      const document = await sites.call(site, 'GET', `/transactions/${transaction_id}`)
      expect(document.body.flags).toContain('shape_only')
    } finally {
      await standby.resume()
    }
  })

  it('N22: nor at the main site', async () => {
    const site = sites.main
    const id = await start(site)
    await record(site, 'PUT', `/executed_obs_units/${id}/finish`)
    await untilConfirmed(site)
    await sites.cluster.primary.pause()
    try {
      expect(await refusal(site, `/executed_obs_units/${id}/finish`)).toEqual([409, 'state_conflict'])
    } finally {
      await sites.cluster.primary.resume()
    }
  })
})
