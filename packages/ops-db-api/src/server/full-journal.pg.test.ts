import { describeEachPostgres, waitFor } from '@outpost/lab/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestAnswer, TwoSites } from './two-sites.spec-suite.ts'

describeEachPostgres('the service with a full journal', (version) => {
  let sites: TwoSites

  beforeAll(async () => {
    sites = await TwoSites.start(version)
    await sites.openObservatory(5_000, { journalMaxBytes: 60_000 })
  })
  afterAll(() => sites.stop())

  const start = (): Promise<TestAnswer> =>
    sites.call(sites.observatory, 'POST', '/executed_obs_units/start', { obs_unit_id: 1 })
  const problems = async (): Promise<readonly string[]> => {
    const { body } = await sites.call(sites.observatory, 'GET', '/health')
    return (body.problems as readonly { readonly code: string }[]).map(({ code }) => code)
  }
  /** A write of the site's that no call of the service makes: one that is not critical. */
  const uncritical = async (): Promise<unknown> => {
    const { site } = sites.observatory
    const transaction = site.transaction()
    transaction.insert('executed_obs_unit', { obs_unit_id: 1 })
    return await site.append(transaction).catch((error: unknown) => error)
  }

  it('P11: keeps its last part for critical calls, then answers 507 with what to do, and loses nothing', async () => {
    sites.link.cut()
    const ids: unknown[] = []
    let isReserveSeen = false
    let answer = await start()
    for (; answer.status === 201; answer = await start()) {
      ids.push(answer.body.id)
      if (isReserveSeen || !(await problems()).includes('journal_reserve')) continue
      isReserveSeen = true
      expect(await uncritical()).toMatchObject({ code: 'journal_full', status: 507 })
    }
    expect(isReserveSeen).toBe(true)
    expect(answer.body).toMatchObject({ status: 507, code: 'journal_full', hint: expect.any(String) })
    expect(await problems()).toContain('journal_full')
    const { body } = await sites.call(sites.observatory, 'GET', '/executed_obs_units?limit=500&count=true')
    expect(body.total).toBe(ids.length)
    sites.link.restore()
    const onMain = () => sites.cluster.primary.query('SELECT id FROM executed_obs_unit ORDER BY id')
    await waitFor(async () => (await onMain()).length === ids.length, { what: 'everything on main' })
    expect((await onMain()).map(({ id }) => id)).toEqual([...ids].sort())
  })
})
