import { cp, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../clock/clock.ts'
import { isOutpostError } from '../../errors/outpost-error.ts'
import { sampleDraft } from '../sample-draft.spec-suite.ts'
import { verdicts } from '../sync-order/rebuilt-journals.ts'
import { mulberry32 } from '../sync-order/seeded-random.ts'
import { openLmdbJournal, readLmdbJournal } from './open.ts'

const seed = Number(process.env.OUTPOST_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const pageBytes = 4096

describe(`damaged journals, seed ${seed}`, () => {
  let folder: string
  let whole: string
  let copies = 0
  const told = Array.from({ length: 600 }, (_, index) => ({ seq: index + 1, number: index + 1 }))

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'outpost-damage-'))
    whole = join(folder, 'whole')
    const journal = await openLmdbJournal({ path: whole, clock: systemClock })
    // Groups of every size: records inline in leaves as well as on pages of their own.
    for (let next = 1; next <= told.length; ) {
      const count = Math.min(1 + ((next * 7) % 90), told.length - next + 1)
      await Promise.all(
        Array.from({ length: count }, (_, index) => journal.append(sampleDraft(next + index))),
      )
      next += count
    }
    await journal.stop()
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  async function copy(): Promise<{ readonly path: string; readonly file: string }> {
    copies += 1
    const path = join(folder, String(copies))
    await cp(whole, path, { recursive: true })
    return { path, file: join(path, 'data.mdb') }
  }

  async function overwrite(file: string, offset: number, bytes: Buffer): Promise<void> {
    const handle = await open(file, 'r+')
    await handle.write(bytes, 0, bytes.length, offset)
    await handle.close()
  }

  it('a changed byte of a record is journal_corrupt, and nothing is changed', async () => {
    const { path, file } = await copy()
    const contents = await readFile(file)
    const offset = contents.indexOf(sampleDraft(300).id)
    await overwrite(file, offset, Buffer.from('X'))
    const before = await readFile(file)
    await expect(openLmdbJournal({ path, clock: systemClock })).rejects.toMatchObject({
      code: 'journal_corrupt',
    })
    await expect(readLmdbJournal(path)).rejects.toMatchObject({ code: 'journal_corrupt' })
    // Only LMDB's own bookkeeping of who had it open may differ: every stored block is as it was.
    const after = await readFile(file)
    expect(after.includes(before.subarray(offset - 100, offset + 100))).toBe(true)
  })

  it('a truncated file is journal_corrupt at every length, never a crash', async () => {
    const { size } = await stat(join(whole, 'data.mdb'))
    const random = mulberry32(seed)
    for (let attempt = 0; attempt < 12; attempt += 1) {
      const { path, file } = await copy()
      await truncate(file, 1 + Math.floor(random() * (size - pageBytes - 1)))
      const failure = await openLmdbJournal({ path, clock: systemClock }).catch((error: unknown) => error)
      expect(isOutpostError(failure, 'journal_corrupt')).toBe(true)
    }
  })

  it('a page of garbage or zeros is journal_corrupt or was not in use, never a crash or a missing record', async () => {
    const { size } = await stat(join(whole, 'data.mdb'))
    const random = mulberry32(seed + 1)
    const damaged: { folder: string; told: { acknowledged: typeof told; dropped: number } }[] = []
    for (let attempt = 0; attempt < 40; attempt += 1) {
      const { path, file } = await copy()
      const page = Math.floor(random() * (size / pageBytes))
      const bytes = Buffer.alloc(pageBytes, attempt % 4 === 0 ? 0 : Math.floor(random() * 256))
      if (attempt % 2 === 0) for (let index = 0; index < pageBytes; index += 1) bytes[index] = random() * 256
      await overwrite(file, page * pageBytes, bytes)
      damaged.push({ folder: path, told: { acknowledged: told, dropped: 0 } })
    }
    const found = await verdicts(damaged, join(folder, 'list.json'))
    expect(found.filter((verdict) => verdict !== 'ok' && !verdict.includes('OutpostError'))).toEqual([])
    expect(found.filter((verdict) => verdict.includes('OutpostError')).length).toBeGreaterThan(10)
  })

  it('a file that is something else is journal_corrupt', async () => {
    const { path, file } = await copy()
    await writeFile(file, 'hello '.repeat(10_000))
    await expect(openLmdbJournal({ path, clock: systemClock })).rejects.toMatchObject({
      code: 'journal_corrupt',
    })
  })

  it('an empty file is a new journal', async () => {
    const { path, file } = await copy()
    await writeFile(file, '')
    const journal = await openLmdbJournal({ path, clock: systemClock })
    expect((await journal.append(sampleDraft(1))).seq).toBe(1)
    await journal.stop()
  })
})

describe('unusable folders', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'outpost-folder-'))
  })

  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('a path that is a file is config_invalid', async () => {
    const path = join(folder, 'file')
    await writeFile(path, '')
    await expect(openLmdbJournal({ path, clock: systemClock })).rejects.toMatchObject({
      code: 'config_invalid',
    })
    await expect(openLmdbJournal({ path: join(path, 'below'), clock: systemClock })).rejects.toMatchObject({
      code: 'config_invalid',
    })
  })

  it('a folder that cannot be made or written is config_invalid', async () => {
    await expect(
      openLmdbJournal({ path: '/proc/outpost-journal', clock: systemClock }),
    ).rejects.toMatchObject({
      code: 'config_invalid',
    })
  })

  it('reading where there is no journal is config_invalid and makes none', async () => {
    await expect(readLmdbJournal(folder)).rejects.toMatchObject({ code: 'config_invalid' })
    await expect(stat(join(folder, 'data.mdb'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
