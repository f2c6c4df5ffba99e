import { randomUUID } from 'node:crypto'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { file, type TestSite, type TestSiteOptions, unit } from './real-site.spec-suite.ts'
import { useRealStage } from './real-stage.spec-suite.ts'

describeEachPostgres('what main lost and gets again', (pg) => {
  const server = useServer(pg)
  const stage = useRealStage(server, { retryDelayMs: 20 })
  let site: TestSite
  const open = async (options: Partial<TestSiteOptions> = {}) => {
    site = await stage.open(options)
  }
  const rename = async (id: string, status: string) =>
    await site.append([{ kind: 'update', table: 'public.unit', key: { id }, set: { status } }])
  const redrivenLineage = async () =>
    (
      await stage.main.query(
        `SELECT redriven_lineage IS NOT DISTINCT FROM outpost.current_lineage() AS is_brought FROM outpost.site WHERE name = 'observatory'`,
      )
    )[0]!.is_brought

  it('N9, P8: nothing is applied around what main rejects this time, though it was applied when the rest was recorded', async () => {
    await open()
    const id = randomUUID()
    const seqs = [await site.append([unit(id)])]
    await site.until('applied', ...seqs)
    for (const status of ['strange', 'paused', 'completed']) {
      seqs.push(await rename(id, status))
      await site.until('applied', ...seqs)
    }
    await site.applier.stop()
    await stage.main.query('DELETE FROM outpost.ledger WHERE seq > 1')
    await stage.main.query(`UPDATE unit SET status = 'running'`)
    await stage.main.query(`ALTER TABLE unit ADD CONSTRAINT known CHECK (status <> 'strange')`)
    site.applier.start()
    await site.until('rejected', seqs[1]!)
    await site.until('parked', seqs[2]!, seqs[3]!)
    expect(site.journal.status(seqs[2]!)).toMatchObject({ parkedBy: [seqs[1]], redriven: 1 })
    // Another row goes on, and no later batch has forgotten why the others wait.
    const other = await site.append([unit(randomUUID())])
    const later = await rename(id, 'aborted')
    await site.until('applied', other)
    await site.until('parked', later)
    expect(await stage.main.query('SELECT status FROM unit WHERE id = $1', [id])).toEqual([
      { status: 'running' },
    ])
  })

  it('N9: main learns that a site has brought everything only when all of it stands in the ledger', async () => {
    let calls = 0
    await open({ onBatch: () => calls++ })
    await stage.main.query(`SELECT outpost.hello('institute', gen_random_uuid())`)
    const id = randomUUID()
    await stage.main.query(`INSERT INTO unit (id, name) VALUES ($1, 'by nobody who journals')`, [id])
    const child = await site.append([file(id)])
    await site.until('applied', child)
    await site.applier.stop()
    await stage.main.query('DELETE FROM outpost.ledger; DELETE FROM file; DELETE FROM unit')
    await stage.main.query('UPDATE outpost.lineage SET timeline = 99')
    calls = 0
    site.applier.start()
    await waitFor(() => calls >= 4, { what: 'several attempts' })
    expect(await redrivenLineage()).toBe(false)
    await stage.main.query(`INSERT INTO unit (id, name) VALUES ($1, 'once more')`, [id])
    await site.until('applied', child)
    await waitFor(async () => (await redrivenLineage()) === true, { what: 'the report' })
  })
})
