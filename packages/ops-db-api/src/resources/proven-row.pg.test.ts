import { untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres, waitFor } from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { TwoSites } from '../server/two-sites.spec-suite.ts'

describeEachPostgres('a row by id with a token of another site', (version) => {
  let sites: TwoSites

  beforeEach(async () => {
    sites = await TwoSites.start(version)
    await Promise.all([sites.openObservatory(), sites.openMain()])
  })
  afterEach(() => sites.stop())

  it('N21: a row that another site deleted is absent on main, too, whatever is pending here', async () => {
    const { observatory, main, cluster } = sites
    await cluster.primary.query('CREATE TABLE held (id integer PRIMARY KEY)')
    const holder = await cluster.primary.connect()
    await holder.query('BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE')
    await cluster.primary.query('SELECT pg_switch_wal()')
    const locks = async (isGranted: boolean) =>
      (
        await cluster.standby.query(
          `SELECT FROM pg_locks WHERE relation = to_regclass('held') AND granted = $1`,
          [isGranted],
        )
      ).length > 0
    await waitFor(() => locks(true), { what: 'the lock on the replica' })
    // For as long as this read lasts nothing leaves the overlay.
    const reading = observatory.site.read('SELECT count(*) FROM held')
    await waitFor(() => locks(false), { what: 'the long read' })
    const { body } = await sites.call(observatory, 'POST', '/executed_obs_units/start', { obs_unit_id: 1 })
    const id = String(body.id)
    const known = () => sites.call(main, 'GET', `/executed_obs_units/${id}`)
    await waitFor(async () => (await known()).status === 200, { what: 'the unit at main' })
    const finished = await sites.call(main, 'PUT', `/executed_obs_units/${id}/finish`)
    await cluster.primary.query(`DELETE FROM executed_obs_unit WHERE id = '${id}'`)
    await untilCaughtUp(cluster.standby, cluster.primary)
    const seen = { 'outpost-token': String(finished.headers['outpost-token']) }
    const url = `/executed_obs_units/${id}`
    expect(await sites.call(observatory, 'GET', url)).toMatchObject({ status: 200 })
    expect(await sites.call(observatory, 'GET', url, undefined, seen)).toMatchObject({ status: 404 })
    await holder.query('COMMIT')
    await reading
    await holder.end()
  })
})
