import { randomUUID } from 'node:crypto'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { grantSite } from '../ledger/grant-site.ts'
import { openTestMain, openTestSite } from './real-site.spec-suite.ts'

describeEachPostgres('answers of direct writes on main', (pg) => {
  const server = useServer(pg)

  it('N22, P11: are forgotten after 7 days in bounded steps, by a site of the least rights', async () => {
    const main = await openTestMain(server())
    const role = `site_${randomUUID().slice(0, 8)}`
    await main.query(`CREATE ROLE ${role} LOGIN`)
    await grantSite(main.client, { role, site: 'observatory', tables: [] })
    await main.query(`
      INSERT INTO outpost.idempotency (site, scope, key, request_digest, status, at)
      SELECT 'observatory', 'a', n::text, '', 201, now() - CASE WHEN n = 0 THEN interval '6 days' ELSE interval '8 days' END
      FROM generate_series(0, 6000) n`)
    const keys = async () => (await main.query('SELECT key FROM outpost.idempotency')).map(({ key }) => key)
    await main.query('BEGIN')
    expect(await main.query('SELECT outpost.forget_answers() AS is_done')).toEqual([{ is_done: false }])
    expect(await keys()).toHaveLength(1_001)
    await main.query('ROLLBACK')
    const url = new URL(String(main.config.connectionString))
    url.username = role
    const site = await openTestSite({ config: { connectionString: url.href }, catalog: main.catalog })
    await waitFor(async () => (await keys()).length === 1, { what: 'old answers to go' })
    expect(await keys()).toEqual(['0'])
    await site.stop()
    await main.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    await main.close()
  })
})
