import { randomUUID } from 'node:crypto'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  finish,
  openTestMain,
  openTestSite,
  type TestMain,
  type TestSite,
  type TestSiteOptions,
  unit,
} from './real-site.spec-suite.ts'

describeEachPostgres('two sites and a main that was replaced', (pg) => {
  const server = useServer(pg)
  let main: TestMain
  let sites: TestSite[]

  beforeEach(async () => {
    main = await openTestMain(server())
    sites = []
  })
  afterEach(async () => {
    for (const site of sites) await site.stop()
    await main.close()
  })

  const open = async (options: Partial<TestSiteOptions> = {}): Promise<TestSite> => {
    const site = await openTestSite({
      config: main.config,
      catalog: main.catalog,
      retryDelayMs: 20,
      ...options,
    })
    sites.push(site)
    return site
  }
  /** What a promoted standby looks like that received nothing of the last writes: an older content, a new timeline. */
  const replaceMain = async () => {
    await main.query('DELETE FROM outpost.ledger')
    await main.query('DELETE FROM file')
    await main.query('DELETE FROM unit')
    await main.query('UPDATE outpost.lineage SET timeline = 99')
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
    expect(await main.query('SELECT status FROM unit')).toEqual([{ status: 'completed' }])
    // The pause is over: an update of a missing row is an error again.
    const missing = await institute.append([finish(randomUUID())])
    await institute.until('rejected', missing)
    expect(institute.journal.status(missing)).toMatchObject({ sqlstate: 'OP003' })
  })
})
