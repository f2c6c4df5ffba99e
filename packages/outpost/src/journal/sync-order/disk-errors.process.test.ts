import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toldIn } from './acknowledgements.ts'
import { programArguments, runProgram } from './run-program.ts'
import { mustSkip } from './strace.ts'
import { verdictOn } from './verdict.ts'

/** Errors that the kernel is made to return for calls on the data file; `when` counts the calls of one thread. */
describe.skipIf(mustSkip)('disk errors', () => {
  let folder: string

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'outpost-disk-errors-')))
    await runProgram(process.execPath, [...programArguments('fault-program.ts'), folder, '0'])
  })

  afterEach(() => rm(folder, { recursive: true, force: true }))

  async function appendsUnder(fault: string): Promise<readonly string[]> {
    const strace = ['-f', '-o', '/dev/null', '-P', join(folder, 'data.mdb'), '-e', `inject=${fault}`]
    const program = [process.execPath, ...programArguments('fault-program.ts'), folder, '80']
    const { output } = await runProgram('strace', [...strace, ...program])
    const lines = output.trim().split('\n')
    expect(lines.at(-1)).toBe('stopped')
    expect(await verdictOn({ folder, told: toldIn(output) })).toBe('ok')
    return lines.slice(0, -1)
  }

  function codes(lines: readonly string[]): readonly string[] {
    return lines.map((line) => (line.startsWith('ACK') ? 'ACK' : line))
  }

  it('P1: a failed fdatasync is final, and nothing acknowledged before it is lost', async () => {
    const found = codes(await appendsUnder('fdatasync:error=EIO:when=8'))
    const failedAt = found.indexOf('journal_failed')
    expect(failedAt).toBeGreaterThan(3)
    expect(new Set(found.slice(failedAt))).toEqual(new Set(['journal_failed']))
  })

  it('P1: a failed write of the meta page is final, and nothing acknowledged before it is lost', async () => {
    const found = codes(await appendsUnder('pwrite64:error=EIO:when=25'))
    const failedAt = found.indexOf('journal_failed')
    expect(failedAt).toBeGreaterThan(0)
    expect(new Set(found.slice(failedAt))).toEqual(new Set(['journal_failed']))
  })
})
