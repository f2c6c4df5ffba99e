import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../clock/clock.ts'
import { sampleDraft } from '../sample-draft.spec-suite.ts'
import { programArguments, runProgram } from '../sync-order/run-program.ts'
import { openLmdbJournal, readLmdbJournal } from './open.ts'
import { isAlive, ownIdentity } from './process-identity.ts'

describe('one writer', () => {
  let path: string

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'outpost-lock-'))
  })

  afterEach(() => rm(path, { recursive: true, force: true }))

  it('refuses a second writer, naming the first, and leaves that one unharmed', async () => {
    const journal = await openLmdbJournal({ path, clock: systemClock })
    await expect(openLmdbJournal({ path, clock: systemClock })).rejects.toMatchObject({
      code: 'journal_in_use',
      details: { pid: process.pid },
    })
    const { output } = await runProgram(process.execPath, [...programArguments('race-program.ts'), path])
    expect(output).toBe(`journal_in_use ${process.pid}\n`)
    expect((await journal.append(sampleDraft(1))).seq).toBe(1)
    await journal.stop()
  })

  it('takes over from a writer that was killed', async () => {
    const args = [...programArguments('append-program.spec-suite.ts'), path, '1', '100000']
    await runProgram(process.execPath, args, (output, kill) => output.includes('ACK 5 ') && kill())
    const journal = await openLmdbJournal({ path, clock: systemClock })
    expect(journal.lastSeq).toBeGreaterThanOrEqual(5)
    await journal.stop()
  })

  it('lets exactly one of several that start at once take over', async () => {
    const args = [...programArguments('append-program.spec-suite.ts'), path, '1', '100000']
    await runProgram(process.execPath, args, (output, kill) => output.includes('ACK 5 ') && kill())
    const outputs: string[] = []
    const kills: (() => void)[] = []
    const racers = Array.from({ length: 5 }, () =>
      runProgram(process.execPath, [...programArguments('race-program.ts'), path, 'hold'], (output, kill) => {
        outputs.push(output.split(/\s/)[0]!)
        kills.push(kill)
        // Nobody lets go before everybody has tried.
        if (outputs.length === 5) for (const end of kills) end()
      }),
    )
    await Promise.all(racers)
    expect(outputs.filter((word) => word === 'opened')).toHaveLength(1)
    expect(outputs.filter((word) => word === 'journal_in_use')).toHaveLength(4)
  })

  it('tells a process from a later one with its pid, and from one before the last boot', () => {
    const own = ownIdentity()
    expect(isAlive(own)).toBe(true)
    expect(isAlive({ ...own, startedAt: '1' })).toBe(false)
    expect(isAlive({ ...own, bootId: 'another' })).toBe(false)
    expect(isAlive({ ...own, pid: 2 ** 22 + 1 })).toBe(false)
  })

  it('a reader sees the journal of a running writer and does not disturb it', async () => {
    const journal = await openLmdbJournal({ path, clock: systemClock })
    await journal.append(sampleDraft(1))
    await journal.setFact('lineage', 'l')
    const reader = await readLmdbJournal(path)
    expect((await reader.getMany([1]))[0]?.id).toBe(sampleDraft(1).id)
    expect((await reader.findById(sampleDraft(1).id))?.seq).toBe(1)
    expect(reader.getFact('lineage')).toBe('l')
    expect((await journal.append(sampleDraft(2))).seq).toBe(2)
    await reader.stop()
    expect((await journal.append(sampleDraft(3))).seq).toBe(3)
    await journal.stop()
  })

  it('a reader of another process does not disturb the writer either', async () => {
    const journal = await openLmdbJournal({ path, clock: systemClock })
    await Promise.all(Array.from({ length: 10 }, (_, index) => journal.append(sampleDraft(index + 1))))
    const { output } = await runProgram(process.execPath, [
      ...programArguments('race-program.ts'),
      path,
      'read',
    ])
    expect(output).toBe('read 10\n')
    expect((await journal.append(sampleDraft(11))).seq).toBe(11)
    await journal.stop()
  })
})
