import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeEachPostgres, useServer, waitFor } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { file, unit } from './real-site.spec-suite.ts'
import { useRealStage } from './real-stage.spec-suite.ts'

describeEachPostgres('attempts', (pg) => {
  const server = useServer(pg)
  const stage = useRealStage(server, { retryDelayMs: 20 })

  it('N9: of a missing reference are counted on after a restart of the process, and shown', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'outpost-attempts-'))
    let calls = 0
    // The second attempt is not due within the test.
    const before = await stage.open({ folder, retryDelayMs: 600_000, onBatch: () => calls++ })
    const orphan = await before.append([file(randomUUID())])
    await waitFor(() => before.journal.status(orphan).attempts === 1, { what: 'the first attempt' })
    await before.stop()
    calls = 0
    const after = await stage.open({ folder, onBatch: ({ transactions }) => (calls += transactions) })
    await after.until('rejected', orphan)
    expect(after.journal.status(orphan)).toMatchObject({ attempts: 3, sqlstate: '23503' })
    expect(calls).toBe(2)
    await after.stop()
    await rm(folder, { recursive: true })
  })

  it('P2: are not counted when the link or main cuts a CALL short, before or after it was run', async () => {
    let failures = 0
    const site = await stage.open({
      isStarted: false,
      retryAttempts: 1_000,
      openSession: stage.sessions((session) => ({
        apply: async (call) => {
          if (call.transactions.length === 0 || failures >= 6) return await session.apply(call)
          failures++
          if (failures % 2 === 0) await session.apply(call)
          throw Object.assign(new Error('cut'), { code: failures % 3 === 0 ? '57P01' : 'ECONNRESET' })
        },
      })),
    })
    const id = randomUUID()
    const early = await site.append([file(id)])
    const plain = await site.append([unit(randomUUID())])
    site.applier.start()
    await site.until('applied', plain)
    expect(failures).toBe(6)
    expect(site.journal.status(plain)).toMatchObject({ attempts: 1 })
    await waitFor(() => (site.journal.status(early).attempts ?? 0) > 0, { what: 'an attempt' })
    await stage.main.query(`INSERT INTO unit (id, name) VALUES ($1, 'by another site')`, [id])
    await site.until('applied', early)
    expect(site.journal.status(early).attempts).toBeGreaterThan(1)
  })
})
