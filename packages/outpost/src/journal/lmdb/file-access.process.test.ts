import { chmod, chown, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../clock/clock.ts'
import { sampleDraft } from '../sample-draft.spec-suite.ts'
import { programArguments, runProgram } from '../sync-order/run-program.ts'
import { openLmdbJournal, readLmdbJournal } from './open.ts'

const isRoot = process.getuid?.() === 0
/** `nobody`: any user that is not root. */
const siteUser = 65_534

describe('a journal of another user', () => {
  let path: string
  let lock: string
  let data: string

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'outpost-owner-'))
    lock = join(path, 'lock.mdb')
    data = join(path, 'data.mdb')
    const journal = await openLmdbJournal({ path, clock: systemClock })
    await journal.append(sampleDraft(1))
    await journal.stop()
    if (isRoot) for (const each of [path, data, lock]) await chown(each, siteUser, siteUser)
  })

  afterEach(async () => {
    await chmod(path, 0o700)
    await rm(path, { recursive: true, force: true })
  })

  const openAsSite = (mode: 'read' | 'write', uid = siteUser) =>
    runProgram(process.execPath, [...programArguments('other-user-program.ts'), path, mode, String(uid)])

  it.each(['write', 'read'] as const)(
    'P9: names the lock file that this user may not use to %s',
    async (mode) => {
      await chmod(lock, 0o444)
      const { output, code } = await openAsSite(mode)
      expect({ output, code }).toMatchObject({
        code: 0,
        output: expect.stringMatching(
          /^config_invalid: The journal's file .*lock\.mdb cannot be read and written: EACCES/,
        ),
      })
    },
  )

  it('names the data file that this user may not write', async () => {
    await chmod(data, 0o444)
    expect((await openAsSite('write')).output).toMatch(
      /^config_invalid: .*data\.mdb cannot be read and written/,
    )
    expect((await openAsSite('read')).output).toBe('read 1\n')
  })

  it('tells a folder that may not be entered from one without a journal', async () => {
    await chmod(path, 0)
    expect((await openAsSite('read')).output).toMatch(
      /^config_invalid: .*data\.mdb cannot be reached: EACCES/,
    )
  })

  it.skipIf(!isRoot)('P9: what root only reads stays open to the site', async () => {
    await chmod(data, 0o640)
    await rm(lock)
    const reader = await readLmdbJournal(path)
    await reader.stop()
    expect(await stat(lock)).toMatchObject({ uid: siteUser, gid: siteUser })
    expect((await stat(lock)).mode & 0o777).toBe(0o640)
    expect((await openAsSite('write')).output).toBe('opened\n')
  })
})
