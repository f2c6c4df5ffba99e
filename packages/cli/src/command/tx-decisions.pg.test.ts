import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import { buildServer } from '@outpost/ops-db-api'
import { opsDbMigrations, seedReferenceData } from '@outpost/ops-db-api/setup'
import { migrate, outpostMigrations } from 'outpost/migrate'
import { openSite, type Site } from 'outpost/site'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runRecorded } from './recorded-run.spec-suite.ts'

describeEachPostgres('outpost tx replay, edit, resolve and discard', (pg) => {
  const server = useServer(pg, { config: { jit: 'off' } })
  let folder: string
  let site: Site
  let stop: () => Promise<unknown>
  let url: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'outpost-decisions-'))
    const client = await server().connect()
    await migrate(client, [outpostMigrations, opsDbMigrations])
    await seedReferenceData(client)
    await client.query(`ALTER TABLE executed_obs_unit ADD CHECK (notes <> 'storm') NOT VALID`)
    await client.end()
    const main = { host: server().host, port: server().port, user: 'postgres', database: 'postgres' }
    const secretKey = 'a secret of the tests'
    site = await openSite({ name: 'main', type: 'main', journalPath: folder, secretKey, main })
    const token = { id: 1, name: 'night shift', prefix: 'a', sha256: 'b', scopes: ['admin'] as const }
    const app = await buildServer({ site, tokens: { verify: () => Promise.resolve(token) } })
    url = await app.listen({ port: 0, host: '127.0.0.1' })
    stop = () => app.close()
  })
  afterAll(async () => {
    await stop()
    await site.stop()
    await rm(folder, { recursive: true })
  })

  const tx = (...command: readonly string[]) => runRecorded(['tx', ...command, '--url', url, '--token', 'x'])
  /** A unit that main refuses and a note on it that waits; answers both transactions. */
  async function recordStorm(): Promise<readonly [dead: string, waits: string]> {
    const unit = site.transaction()
    const row = unit.insert('executed_obs_unit', { obs_unit_id: 1, status: 'running', notes: 'storm' })
    const dead = await site.append(unit)
    const step = site.transaction()
    step.update('executed_obs_unit', row, { mean_elevation: 50 })
    const waits = await site.append(step)
    await waitFor(() => dead.state === 'rejected' && waits.state === 'parked', { what: 'the rejection' })
    return [dead.transactionId, waits.transactionId]
  }
  const patch = '[{"op": "replace", "path": "/0/row/notes", "value": "clear"}]'

  it('edits: first only says so, then does, and tells who did', async () => {
    const [dead, waits] = await recordStorm()
    const shown = await tx('show', dead, '--main')
    expect(shown.stdout).toContain(`waiting for it: 1\n  2 ${waits} parked\n`)
    expect(shown.stdout).toContain('main has no row that tells more')
    expect(await tx('edit', dead, '--dry-run', '--patch', patch)).toEqual({
      code: 0,
      stdout: `${dead} would be edited.\n1 transaction waits for the decision.\n`,
      stderr: '',
    })
    const file = join(folder, 'patch.json')
    await writeFile(file, patch)
    const edited = await tx('edit', dead, '--patch-file', file)
    expect(edited).toMatchObject({ code: 0, stdout: expect.stringContaining(`${dead} is edited.\n`) })
    expect((await tx('show', dead)).stdout).toMatch(/^decided +edit by night shift at /m)
    await waitFor(() => site.bufferStatistics().states.parked === 0, { what: 'the release' })
  })

  it('replays with a key once, resolves, and discards with the cone only where it is named', async () => {
    const [replayed] = await recordStorm()
    const again = async () =>
      JSON.parse((await tx('replay', replayed, '--idempotency-key', 'k', '--json')).stdout)
    const { transaction_id: replay } = await again()
    expect((await again()).transaction_id).toBe(replay)
    await waitFor(async () => (await site.transactionById(replay))?.status.state === 'rejected', {
      what: 'the next rejection',
    })
    expect(await tx('discard', replay, '--reason', 'a test')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('--cone'),
    })
    expect(await tx('discard', replay, '--reason', 'a test', '--cone')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${replay} is discarded with 1 transaction that waits for it.\n`),
    })
    const [resolved, waits] = await recordStorm()
    expect(await tx('resolve', resolved, '--reason', 'seen')).toMatchObject({ code: 0 })
    expect(await tx('resolve', resolved, '--reason', 'seen')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('night shift has decided on it (resolve'),
    })
    await waitFor(async () => (await site.transactionById(waits))?.status.state === 'rejected', {
      what: 'the note on a unit that nobody entered',
    })
    expect(await tx('edit', waits)).toMatchObject({ code: 2, stderr: expect.stringContaining('--patch') })
    expect(await tx('edit', waits, '--patch', '{')).toMatchObject({ code: 2 })
    expect(await tx('edit', waits, '--patch', '[{"op": "remove", "path": "/7"}]')).toMatchObject({ code: 2 })
  })
})
