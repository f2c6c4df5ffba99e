import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from '@outpost/lab'
import { systemClock } from 'outpost'
import { openLmdbJournal, type TransactionDraft } from 'outpost/site'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
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

describe('the journal as a source of transactions', () => {
  let path: string

  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'outpost-journal-'))
  })
  afterEach(() => rmSync(path, { recursive: true, force: true }))

  const source = () => openTransactionSource({ journal: path }, { env: {}, cwd: () => path })

  it('P12: reads what was recorded, also while a site has the journal open', async () => {
    const journal = await openLmdbJournal({ path, clock: systemClock })
    try {
      for (const number of [1, 2, 3]) await journal.append(draft(number))
      await journal.setStatus([{ from: 2, to: 2, status: { state: 'applied', appliedAtMs: 1_000 } }])

      // A status is not synced on its own: it is on disk a moment later.
      await waitFor(async () => (await source().list({ limit: 1, state: 'applied' })).items.length === 1, {
        what: 'the status in the file',
      })
      const page = await source().list({ limit: 2 })
      expect(page).toMatchObject({
        items: [
          { seq: 1, state: 'buffered' },
          { seq: 2, state: 'applied' },
        ],
        next_after: 2,
      })
      expect(await source().list({ limit: 2, after: 2 })).toMatchObject({
        items: [{ seq: 3 }],
        next_after: null,
      })
      expect((await source().list({ limit: 5, state: 'applied' })).items.map(({ seq }) => seq)).toEqual([2])

      const shown = await source().show(draft(2).id.toUpperCase())
      expect(shown).toMatchObject({ seq: 2, applied_at: '1970-01-01T00:00:01.000Z' })
      expect(shown.operations).toEqual(draft(2).operations)
      await expect(source().show('none')).rejects.toMatchObject({ code: 'transaction_unknown', exitCode: 2 })
    } finally {
      await journal.stop()
    }
  })

  it('says that a folder holds no journal', async () => {
    await expect(source().list({ limit: 1 })).rejects.toMatchObject({
      code: 'config_invalid',
      exitCode: 2,
      message: `There is no journal in ${path}`,
      hint: expect.stringContaining('--journal'),
    })
  })
})
