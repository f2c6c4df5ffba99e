import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startLink } from '@outpost/lab'
import { describeEachPostgres, useServer } from '@outpost/lab/testing'
import { opsDbMigrations } from '@outpost/ops-db-api/setup'
import { migrate, outpostMigrations } from 'outpost/migrate'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startServe } from './serve-process.spec-suite.ts'

describeEachPostgres('outpost serve', (pg) => {
  const server = useServer(pg)
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'outpost-serve-'))
    const client = await server().connect()
    await migrate(client, [outpostMigrations, opsDbMigrations])
    await client.end()
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('ends with 0 at a signal once it serves, and leaves a journal that the next one opens', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const serving = startServe(folder, {
        MAIN_DB_HOST: server().host,
        MAIN_DB_PORT: String(server().port),
        MAIN_DB_USER: 'postgres',
        MAIN_DB_NAME: 'postgres',
        PORT: '0',
      })
      expect(await serving.ready).toMatch(/^Site listens on http:\/\/127\.0\.0\.1:\d+ \(pid \d+\)\.\n$/)
      serving.child.kill(signal)
      expect(await serving.ended).toEqual({ code: 0, signal: null, stderr: '' })
    }
  })

  it('P2: ends with 0 and soon, although main falls silent and never takes leave', async () => {
    const link = await startLink({ target: { host: server().host, port: server().port } })
    try {
      const { host, port } = link.endpoint('default')
      const serving = startServe(folder, {
        MAIN_DB_HOST: host,
        MAIN_DB_PORT: String(port),
        MAIN_DB_USER: 'postgres',
        MAIN_DB_NAME: 'postgres',
        PORT: '0',
      })
      await serving.ready
      link.halfOpen()
      const sentAtMs = performance.now()
      serving.child.kill('SIGTERM')
      expect(await serving.ended).toEqual({ code: 0, signal: null, stderr: '' })
      expect(performance.now() - sentAtMs).toBeLessThan(5_000)
    } finally {
      await link.stop()
    }
  })
})
