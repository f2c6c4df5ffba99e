import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, readdir, readFile, realpath, truncate } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { RedisServer, waitFor } from '@outpost/lab'
import { describeRedis } from '@outpost/lab/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sampleDraft } from '../sample-draft.spec-suite.ts'
import { mulberry32 } from '../sync-order/seeded-random.ts'
import { mustSkip } from '../sync-order/strace.ts'
import { parseTrace, type TraceEvent, tracedCalls } from '../sync-order/trace.ts'
import { openRedisJournal } from './open.ts'

const seed = Number(process.env.OUTPOST_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const points = Number(process.env.OUTPOST_REDIS_SYNC_POINTS ?? 4)
const appends = 60
const site = 'observatory'

/** What had been acknowledged when an answer left Redis, and how much of its file was on the disk then. */
interface Answer {
  readonly acknowledged: number
  readonly written: number
  readonly synced: number
}

describeRedis('Redis: order of writes, syncs and answers', () => {
  let server: RedisServer

  beforeEach(async () => {
    server = await RedisServer.start()
  })
  afterEach(() => server.destroy())

  const incremental = async () => {
    const folder = await realpath(join(server.folder, 'appendonlydir'))
    const name = (await readdir(folder)).find((file) => file.endsWith('.incr.aof'))
    return join(folder, name ?? '')
  }
  const open = (durability: 'full' | 'relaxed') =>
    openRedisJournal({ host: server.host, port: server.port, site, durability })

  /** Appends one after the other while the server is watched. */
  async function watched(durability: 'full' | 'relaxed'): Promise<readonly Answer[]> {
    const journal = await open(durability)
    const trace = join(server.folder, 'redis.trace')
    const options = ['-f', '-y', '-xx', '-s', '1000000', '-e', `trace=${tracedCalls.join(',')}`, '-o', trace]
    const strace = spawn('strace', [...options, '-p', String(server.pid)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    strace.stderr.on('data', (data: Buffer) => {
      said += String(data)
    })
    await waitFor(() => said.includes('attached'), { what: 'strace to be attached' })
    for (let number = 1; number <= appends; number += 1) await journal.append(sampleDraft(number))
    const ended = once(strace, 'exit')
    strace.kill('SIGINT')
    await ended
    await journal.stop()
    return answersOf(parseTrace(await readFile(trace, 'latin1')), basename(await incremental()))
  }

  describe.skipIf(mustSkip)(`seed ${seed}`, () => {
    it('P1: a power loss at any acknowledgement loses nothing that was acknowledged', async () => {
      const answers = await watched('full')
      expect(answers.at(-1)?.acknowledged).toBe(appends)
      expect(answers.filter(({ written, synced }) => synced < written)).toEqual([])
      await server.stop()
      const file = await incremental()
      const before = (await readFile(file)).length - answers.at(-1)!.written
      await cp(file, `${file}.whole`)
      const random = mulberry32(seed)
      for (let point = 0; point < points; point += 1) {
        const { acknowledged, synced } = answers[Math.floor(random() * answers.length)]!
        await cp(`${file}.whole`, file)
        await truncate(file, Math.max(0, before) + synced)
        await server.start()
        const journal = await open('full')
        expect(journal.lastSeq).toBeGreaterThanOrEqual(acknowledged)
        const seqs = Array.from({ length: acknowledged }, (_, index) => index + 1)
        expect((await journal.getMany(seqs)).map(({ id }) => id)).toEqual(
          seqs.map((seq) => sampleDraft(seq).id),
        )
        await journal.stop()
        await server.stop()
      }
    }, 120_000)

    it('P1: the checker catches a server that answers before it syncs', async () => {
      await server.stop()
      await server.start({ appendfsync: 'everysec' })
      const answers = await watched('relaxed')
      expect(answers.filter(({ written, synced }) => synced < written)).not.toEqual([])
    })
  })
})

/** Pure: what the trace shows at each answer to an append. */
function answersOf(events: readonly TraceEvent[], file: string): readonly Answer[] {
  const answers: Answer[] = []
  let [written, synced, acknowledged] = [0, 0, 0]
  for (const event of events) {
    if (event.kind === 'write' && event.path.endsWith(file)) written += event.data.length
    else if (event.kind === 'sync' && event.path.endsWith(file)) synced = written
    else if (event.kind === 'write' && /socket|TCP/.test(event.path)) {
      // Nothing else that is answered is a list of one number.
      const seqs = [...event.data.toString('latin1').matchAll(/\*1\r\n:(\d+)\r\n/g)].map(([, seq]) =>
        Number(seq),
      )
      if (seqs.length === 0) continue
      acknowledged = Math.max(acknowledged, ...seqs)
      answers.push({ acknowledged, written, synced })
    }
  }
  return answers
}
