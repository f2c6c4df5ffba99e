import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import { buildServer } from '@outpost/ops-db-api'
import { opsDbMigrations, seedReferenceData } from '@outpost/ops-db-api/setup'
import { migrate, outpostMigrations } from 'outpost/migrate'
import { openSite, type Site } from 'outpost/site'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runRecorded } from './recorded-run.spec-suite.ts'

describeEachPostgres('outpost site resume', (pg) => {
  const server = useServer(pg, { config: { jit: 'off' } })
  let folder: string
  let site: Site
  let stop: () => Promise<unknown>
  let url: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'outpost-resume-'))
    const client = await server().connect()
    await migrate(client, [outpostMigrations, opsDbMigrations])
    await seedReferenceData(client)
    await client.end()
    const main = { host: server().host, port: server().port, user: 'postgres', database: 'postgres' }
    const secretKey = 'a secret of the tests'
    site = await openSite({ name: 'main', type: 'main', journalPath: folder, secretKey, main })
    const token = { id: 1, name: 'test', prefix: 'a', sha256: 'b', scopes: ['admin'] as const }
    const app = await buildServer({ site, tokens: { verify: () => Promise.resolve(token) } })
    url = await app.listen({ port: 0, host: '127.0.0.1' })
    stop = () => app.close()
  })
  afterAll(async () => {
    await stop()
    await site.stop()
    await rm(folder, { recursive: true })
  })

  const resume = (...options: readonly string[]) =>
    runRecorded(['site', 'resume', '--url', url, '--token', 'x', ...options])
  const record = async (table: string, row: Readonly<Record<string, unknown>>) => {
    const write = site.transaction()
    write.insert(table, row)
    return await site.append(write)
  }
  const problems = async () => (await site.health()).problems.map(({ code }) => code)

  it('N11: goes on after ten equal rejections once main is mended, and has nothing to do before or after', async () => {
    const nothing = { code: 1, stderr: expect.stringContaining('nothing to resume') }
    expect(await resume()).toMatchObject(nothing)
    await server().query('ALTER TABLE executed_obs_unit RENAME COLUMN notes TO remarks')
    const units = Array.from({ length: 15 }, () => ({ obs_unit_id: 1, status: 'running', notes: 'clear' }))
    const receipts = []
    for (const row of units) receipts.push(await record('executed_obs_unit', row))
    await waitFor(async () => (await problems()).includes('rejections'), { what: 'the stop' })
    expect((await site.health()).problems).toContainEqual(
      expect.objectContaining({ hint: expect.stringContaining('`outpost site resume`') }),
    )
    expect(await site.transactions({ state: 'rejected' })).toHaveLength(10)
    await server().query('ALTER TABLE executed_obs_unit RENAME COLUMN remarks TO notes')
    expect(await resume('--json')).toEqual({
      code: 0,
      stdout: '{"site":"main","resumes_applying":true}\n',
      stderr: '',
    })
    for (const receipt of receipts.slice(10)) await receipt.applied()
    expect(await problems()).not.toContain('rejections')
    expect(await resume()).toMatchObject(nothing)
  })
})
