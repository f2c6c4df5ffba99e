import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../clock/clock.ts'
import { sampleDraft } from '../sample-draft.spec-suite.ts'
import { productSettings } from './environment-settings.ts'
import { openLmdbJournalWith } from './open.ts'

const mebibyte = 2 ** 20

describe('full disk', () => {
  let path: string
  let free: number
  const settings = { ...productSettings, freeBytes: () => free }

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'outpost-full-'))
    free = 100 * mebibyte
  })

  afterEach(() => rm(path, { recursive: true, force: true }))

  const opened = () => openLmdbJournalWith({ path, clock: systemClock }, settings)

  it('P11: appends are refused before the disk is full, leave no gap, and go on when there is space', async () => {
    const journal = await opened()
    await journal.append(sampleDraft(1))
    free = 10 * mebibyte
    await expect(journal.append(sampleDraft(2))).rejects.toMatchObject({ code: 'journal_full' })
    free = 100 * mebibyte
    expect((await journal.append(sampleDraft(3))).seq).toBe(2)
    await journal.stop()
  })

  it('P11: tells how much is left, and that nothing can be recorded once ordinary appends are refused', async () => {
    const journal = await opened()
    expect([journal.appendRefusal?.(), journal.diskRoomBytes?.()]).toEqual([undefined, 84 * mebibyte])
    free = 16 * mebibyte
    await expect(journal.append(sampleDraft(1))).rejects.toMatchObject({ code: 'journal_full' })
    expect(journal.appendRefusal?.()).toMatchObject({ code: 'journal_full' })
    expect(journal.diskRoomBytes?.()).toBe(0)
    await journal.stop()
  })

  it('P11: what frees space and a restart still work then', async () => {
    const journal = await opened()
    for (let number = 1; number <= 50; number += 1) await journal.append(sampleDraft(number))
    free = 10 * mebibyte
    for (const state of ['applied', 'replicated', 'retained'] as const) {
      await journal.setStatus([{ from: 1, to: 40, status: { state } }])
    }
    await journal.drop(40)
    await journal.setFact('lineage', 'l')
    await journal.stop()
    const again = await opened()
    expect([again.firstSeq, again.lastSeq, again.getFact('lineage')]).toEqual([41, 50, 'l'])
    await again.stop()
  })

  it('P11: refuses to open with nothing left, rather than to be ended by LMDB', async () => {
    free = 1000
    await expect(opened()).rejects.toMatchObject({ code: 'journal_full' })
  })

  it('keeps changed statuses that could not be written and writes them later', async () => {
    const journal = await opened()
    await journal.append(sampleDraft(1))
    free = 1000
    await journal.setStatus([{ from: 1, to: 1, status: { state: 'applied', appliedAtMs: 5 } }])
    await expect(journal.append(sampleDraft(2))).rejects.toMatchObject({ code: 'journal_full' })
    free = 100 * mebibyte
    await journal.append(sampleDraft(2))
    await journal.stop()
    const again = await opened()
    expect(again.status(1)).toEqual({ state: 'applied', appliedAtMs: 5 })
    await again.stop()
  })
})
