import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RedisServer } from '@outpost/lab'
import { describeRedis } from '@outpost/lab/testing'
import { openRedisJournal } from 'outpost/journal-redis'
import type { TransactionDraft } from 'outpost/site'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openTransactionSource } from './transaction-source.ts'

const draft = (number: number): TransactionDraft => ({
  id: `0193a1c2-7d3e-7000-8000-00000000000${number}`,
  operations: [{ kind: 'insert', table: 'public.t', row: { id: String(number) } }],
  digest: 'd',
  writes: [],
  references: [],
  dependsOn: [],
  catalogVersion: 'c',
  flags: [],
})

describeRedis('the journal in Redis as a source of transactions', () => {
  let path: string
  let server: RedisServer
  let site: string

  beforeEach(async () => {
    path = mkdtempSync(join(tmpdir(), 'outpost-journal-'))
    server = await RedisServer.start()
    site = randomUUID()
  })
  afterEach(async () => {
    await server.destroy()
    rmSync(path, { recursive: true, force: true })
  })

  const source = (settings: Readonly<Record<string, string>> = {}) => {
    const env = {
      SITE_NAME: site,
      SITE_TYPE: 'secondary',
      MAIN_DB_HOST: 'main',
      LOCAL_DB_HOST: 'replica',
      SECRET_KEY: 'sixteen characters',
      JOURNAL: 'redis',
      JOURNAL_PATH: path,
      REDIS_HOST: server.host,
      REDIS_PORT: String(server.port),
      ...settings,
    }
    return openTransactionSource({ journal: 'redis' }, { env, cwd: () => path })
  }
  const place = () => ({ host: server.host, port: server.port, site })

  it('P12: reads what was recorded, beside processes at work and without taking their lead', async () => {
    const journal = await openRedisJournal(place())
    try {
      for (const number of [1, 2, 3]) await journal.append(draft(number))
      const { epochs } = journal
      await journal.setStatus([{ from: 2, to: 2, status: { state: 'applied', appliedAtMs: 1_000 } }])
      await expect
        .poll(async () => (await source().list({ limit: 5, state: 'applied' })).items.map(({ seq }) => seq))
        .toEqual([2])
      expect(await source().list({ limit: 2 })).toMatchObject({
        items: [{ seq: 1, state: 'buffered' }, { seq: 2 }],
        next_after: 2,
      })
      expect(await source().show(draft(3).id)).toMatchObject({
        state: 'buffered',
        operations: [{ table: 'public.t' }],
      })
      await expect(source().show(draft(4).id)).rejects.toMatchObject({ code: 'transaction_unknown' })
      await journal.setStatus([{ from: 3, to: 3, status: { state: 'applied' } }])
      expect(journal.epochs).toEqual(epochs)
    } finally {
      await journal.stop()
    }
    // Nobody is at work: still nothing is begun.
    expect((await source().list({ limit: 5 })).items.length).toBe(3)
    const again = await openRedisJournal(place())
    expect(again.epochs.length).toBe(journal.epochs.length + 1)
    await again.stop()
  })

  it('P12: with a fallback reads the copy, also while Redis is away', async () => {
    const journal = await openRedisJournal({
      ...place(),
      fallbackPath: join(path, 'fallback'),
      leaveAfterMs: 100,
    })
    await journal.append(draft(1))
    await server.kill()
    await journal.append(draft(2))
    const page = await source({ JOURNAL_FALLBACK: 'lmdb' }).list({ limit: 5 })
    expect(page.items.map(({ id }) => id)).toEqual([draft(1).id, draft(2).id])
    await expect(source().list({ limit: 5 })).rejects.toMatchObject({ code: 'journal_unavailable' })
    await journal.stop()
  })

  it('says what is missing', async () => {
    await expect(source().list({ limit: 1 })).rejects.toMatchObject({
      code: 'config_invalid',
      hint: expect.stringContaining('SITE_NAME') as string,
    })
    await expect(source({ JOURNAL: 'lmdb' }).list({ limit: 1 })).rejects.toMatchObject({
      code: 'usage_invalid',
    })
    await expect(source({ JOURNAL_FALLBACK: 'lmdb' }).list({ limit: 1 })).rejects.toMatchObject({
      code: 'config_invalid',
      hint: expect.stringContaining('JOURNAL_PATH') as string,
    })
  })
})
