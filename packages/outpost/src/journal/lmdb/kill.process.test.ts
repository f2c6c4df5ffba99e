import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { toldIn } from '../sync-order/acknowledgements.ts'
import { programArguments, runProgram } from '../sync-order/run-program.ts'
import { mulberry32 } from '../sync-order/seeded-random.ts'
import { verdictOn } from '../sync-order/verdict.ts'

const runs = Number(process.env.OUTPOST_KILL_RUNS ?? 20)
const seed = Number(process.env.OUTPOST_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))

describe(`kill -9, seed ${seed}`, () => {
  let folder: string

  afterEach(() => rm(folder, { recursive: true, force: true }))

  it(`P1: ${runs} kills of one journal at random moments lose nothing acknowledged`, async () => {
    folder = await mkdtemp(join(tmpdir(), 'outpost-kill-'))
    const random = mulberry32(seed)
    let output = ''
    for (let run = 0; run < runs; run += 1) {
      const killAfter = 1 + Math.floor(random() * 400)
      const args = [
        ...programArguments('append-program.spec-suite.ts'),
        join(folder, 'journal'),
        String(seed + run),
        '100000',
      ]
      const ended = await runProgram(process.execPath, args, (text, kill) => {
        if (text.split('ACK').length > killAfter) kill()
      })
      expect(ended.signal).toBe('SIGKILL')
      // The last line may be cut in half: that acknowledgement did not leave.
      output += ended.output.slice(0, ended.output.lastIndexOf('\n') + 1)
      expect(await verdictOn({ folder: join(folder, 'journal'), told: toldIn(output) })).toBe('ok')
    }
  }, 180_000)
})
