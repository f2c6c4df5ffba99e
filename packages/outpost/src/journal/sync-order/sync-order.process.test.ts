import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rebuildJournals, verdicts } from './rebuilt-journals.ts'
import { programArguments, runProgram } from './run-program.ts'
import { mustSkip } from './strace.ts'
import { parseTrace, type TraceEvent, tracedCalls } from './trace.ts'

const seed = Number(process.env.OUTPOST_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const points = Number(process.env.OUTPOST_SYNC_ORDER_POINTS ?? 25)

describe.skipIf(mustSkip)(`order of writes and syncs, seed ${seed}`, () => {
  let folder: string

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'outpost-sync-order-')))
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  async function traced(name: string, variant: readonly string[]): Promise<readonly TraceEvent[]> {
    const trace = join(folder, `${name}.trace`)
    const strace = ['-f', '-y', '-xx', '-s', '1000000', '-e', `trace=${tracedCalls.join(',')}`, '-o', trace]
    const program = [
      ...programArguments('append-program.spec-suite.ts'),
      join(folder, name),
      String(seed),
      '400',
      ...variant,
    ]
    const { code } = await runProgram('strace', [...strace, process.execPath, ...program])
    expect(code).toBe(0)
    return parseTrace(await readFile(trace, 'latin1'))
  }

  async function verdictsOf(
    name: string,
    variant: readonly string[],
    points: number,
  ): Promise<readonly string[]> {
    const events = await traced(name, variant)
    const dataFile = join(folder, name, 'data.mdb')
    const rebuilt = await rebuildJournals(events, dataFile, join(folder, `${name}-rebuilt`), points, seed)
    return await verdicts(rebuilt, join(folder, `${name}.json`))
  }

  it('P1: a power loss at any acknowledgement loses nothing that was acknowledged', async () => {
    const found = await verdictsOf('synced', [], points)
    expect(found).toHaveLength(points * 2)
    expect(found.filter((verdict) => verdict !== 'ok')).toEqual([])
  })

  it('P1: the checker catches a journal that does not sync', async () => {
    const found = await verdictsOf('unsynced', ['unsynced'], 6)
    // With nothing synced, nothing acknowledged may be counted on.
    const leastKept = found.filter((_, index) => index % 2 === 0)
    expect(leastKept.filter((verdict) => verdict === 'ok')).toEqual([])
  })
})
