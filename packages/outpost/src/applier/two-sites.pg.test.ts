import { randomUUID } from 'node:crypto'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { grantSite } from '../ledger/grant-site.ts'
import { file, finish, unit } from './real-site.spec-suite.ts'
import { useRealStage } from './real-stage.spec-suite.ts'

describeEachPostgres('two sites and a main that was replaced', (pg) => {
  const server = useServer(pg)
  const stage = useRealStage(server, { retryDelayMs: 20 })
  const { open } = stage
  /** What a promoted standby looks like that received nothing of the last writes: an older content, a new timeline. */
  const replaceMain = async () => {
    await stage.main.query('DELETE FROM outpost.ledger')
    await stage.main.query('DELETE FROM file')
    await stage.main.query('DELETE FROM unit')
    await stage.main.query('UPDATE outpost.lineage SET timeline = 99')
  }

  it('N9, P8: an update of what another site has yet to bring waits for it; the dependant reconnects first', async () => {
    let calls = 0
    const observatory = await open()
    const institute = await open({ site: 'institute', retryAttempts: 1, onBatch: () => calls++ })
    const id = randomUUID()
    const insert = await observatory.append([unit(id)])
    await observatory.until('applied', insert)
    const update = await institute.append([finish(id)])
    await institute.until('applied', update)
    await observatory.applier.stop()
    await institute.applier.stop()
    await replaceMain()
    calls = 0
    institute.applier.start()
    await waitFor(() => calls >= 4, { what: 'several attempts' })
    expect(institute.journal.status(update).state).toBe('buffered')
    observatory.applier.start()
    await observatory.until('applied', insert)
    await institute.until('applied', update)
    expect(await stage.main.query('SELECT status FROM unit')).toEqual([{ status: 'completed' }])
    // The pause is over: an update of a missing row is an error again.
    const missing = await institute.append([finish(randomUUID())])
    await institute.until('rejected', missing)
    expect(institute.journal.status(missing)).toMatchObject({ sqlstate: 'OP003' })
  })

  it('N9: says whom the pause waits for, and the operator ends it through a site of the least rights', async () => {
    const role = `site_${randomUUID().slice(0, 8)}`
    await stage.main.query(`CREATE ROLE ${role} LOGIN`)
    await grantSite(stage.main.client, { role, site: 'observatory', tables: ['public.unit', 'public.file'] })
    await stage.main.query(`SELECT outpost.hello('institute', gen_random_uuid())`)
    await stage.main.query('UPDATE outpost.lineage SET timeline = 99')
    const url = new URL(String(stage.main.config.connectionString))
    url.username = role
    const reports: (readonly string[])[] = []
    const site = await open({
      config: { connectionString: url.href },
      retryAttempts: 1,
      onBatch: ({ pausedBy }) => reports.push(pausedBy),
    })
    const orphan = await site.append([file(randomUUID())])
    await waitFor(() => reports.length >= 3, { what: 'several attempts' })
    expect(site.applier.pausedBy).toEqual(['institute'])
    expect(reports.at(-1)).toEqual(['institute'])
    await site.applier.releaseAttempts()
    await site.until('rejected', orphan)
    expect(site.applier.pausedBy).toEqual([])
    await site.stop()
    await stage.main.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  })

  it('N9: a site does not wait for itself: what nobody brings is rejected after its attempts', async () => {
    const site = await open({ retryAttempts: 2 })
    const id = randomUUID()
    await stage.main.query(`INSERT INTO unit (id, name) VALUES ($1, 'by nobody who journals')`, [id])
    const child = await site.append([file(id)])
    await site.until('applied', child)
    await site.applier.stop()
    await replaceMain()
    site.applier.start()
    await site.until('rejected', child)
  })
})
