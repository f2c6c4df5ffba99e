import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../clock/clock.ts'
import { isOutpostError } from '../../errors/outpost-error.ts'
import { problemFrom } from '../../fastify/problem-from.ts'
import type { Journal } from '../journal.ts'
import { sampleDraft } from '../sample-draft.spec-suite.ts'
import { openLmdbJournal } from './open.ts'

const mebibyte = 2 ** 20

/** Mounting takes a privilege that not every machine gives its tests. */
const mayMount = (() => {
  const folder = mkdtempSync(join(tmpdir(), 'outpost-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', folder], { stdio: 'ignore' })
    execFileSync('umount', [folder])
    return true
  } catch {
    return false
  } finally {
    rmSync(folder, { recursive: true })
  }
})()

describe.skipIf(!mayMount)('a journal on a disk that is really full', () => {
  let disk: string
  let journal: Journal

  const open = async () => {
    journal = await openLmdbJournal({ path: join(disk, 'journal'), clock: systemClock })
  }
  beforeEach(async () => {
    disk = mkdtempSync(join(tmpdir(), 'outpost-full-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=28m', 'none', disk])
    await open()
  })
  afterEach(async () => {
    await journal.stop()
    execFileSync('umount', [disk])
    rmSync(disk, { recursive: true })
  })

  /** Appends until one is refused; answers the refusal. */
  const fill = async (): Promise<unknown> => {
    for (let number = journal.lastSeq + 1; ; ) {
      const drafts = Array.from({ length: 64 }, () => sampleDraft(number++))
      const results = await Promise.allSettled(drafts.map((draft) => journal.append(draft)))
      const refused = results.find((result) => result.status === 'rejected')
      if (refused !== undefined) return refused.reason
    }
  }
  const freeBytes = () => {
    const { bavail, bsize } = statfsSync(disk)
    return bavail * bsize
  }
  /** Another program takes the disk to its last byte. */
  const takeAll = () => {
    const chunk = Buffer.alloc(256 * 1024)
    expect(() => {
      for (;;) appendFileSync(join(disk, 'other'), chunk)
    }).toThrow('ENOSPC')
  }
  const idsOf = async (): Promise<readonly string[]> => {
    const ids: string[] = []
    for await (const records of journal.scan(1)) ids.push(...records.map(({ id }) => id))
    return ids
  }

  it('P1, P11: says 507 with what to do, and every acknowledged record is there after a restart', async () => {
    const refusal = await fill()
    expect(isOutpostError(refusal, 'journal_full')).toBe(true)
    expect(problemFrom(refusal, 'one').problem).toMatchObject({
      status: 507,
      code: 'journal_full',
      hint: expect.any(String),
    })
    const acknowledged = journal.lastSeq
    expect(acknowledged).toBeGreaterThan(1_000)
    await journal.stop()
    await open()
    expect(await idsOf()).toEqual(Array.from({ length: acknowledged }, (_, at) => sampleDraft(at + 1).id))
  })

  it('P1, P11: records nothing while another program holds the last byte, and goes on when there is room', async () => {
    for (let number = 1; number <= 500; number++) await journal.append(sampleDraft(number))
    takeAll()
    expect(freeBytes()).toBeLessThan(mebibyte)
    await expect(journal.append(sampleDraft(501))).rejects.toMatchObject({ code: 'journal_full' })
    await journal.setStatus([{ from: 1, to: 100, status: { state: 'applied' } }])
    await expect(journal.append(sampleDraft(502))).rejects.toMatchObject({ code: 'journal_full' })
    rmSync(join(disk, 'other'))
    expect((await journal.append(sampleDraft(503))).seq).toBe(501)
    await journal.stop()
    await open()
    expect(await idsOf()).toHaveLength(501)
    expect(journal.status(100).state).toBe('applied')
  })

  it('P11: what is dropped makes room again on a disk that is full', async () => {
    await fill()
    const { lastSeq } = journal
    for (const state of ['applied', 'replicated', 'retained'] as const)
      await journal.setStatus([{ from: 1, to: lastSeq, status: { state } }])
    await journal.drop(lastSeq)
    expect((await journal.append(sampleDraft(lastSeq + 1))).seq).toBe(lastSeq + 1)
  })
})
