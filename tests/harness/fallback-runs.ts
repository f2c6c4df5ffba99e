import type { Cluster, RedisServer } from '@outpost/lab'
import { createClient } from 'redis'
import { mulberry32 } from '../../packages/outpost/src/journal/sync-order/seeded-random.ts'
import { Bookkeeper } from './bookkeeper.ts'
import { type Ground, prepareGround } from './ground.ts'
import type { KillRunsResult } from './kill-runs.ts'
import { RecorderProcess } from './recorder-process.ts'

/** What keeps a Redis from its processes: ended, stopped as it stands, without room, or emptied under their hands. */
export const redisFaults = ['killed', 'stopped', 'full', 'emptied'] as const

export type RedisFault = (typeof redisFaults)[number]

export interface FallbackRunsOptions {
  readonly cluster: Cluster
  readonly redis: RedisServer
  readonly fault: RedisFault
  /** In each Redis fails once, and all processes are killed once. */
  readonly runs: number
  readonly seed: number
  readonly onProgress?: (done: number) => void
}

const processCount = 3
const leadMs = 500
/** Acknowledgements of a run among which its moments are drawn. */
const spread = { fault: 40, repair: 120, kill: 350 }

/**
 * Three recording processes of one site with a fallback, while Redis fails and is mended again and each of them is
 * killed at some moment: before the site leaves Redis, as it does, while it is away, on the way back and after. The next
 * three go on with whatever they find. At the end all drains, and main is compared with what was acknowledged.
 */
export async function runFallbacks(options: FallbackRunsOptions): Promise<KillRunsResult> {
  const { cluster, redis, runs, fault, seed } = options
  const random = mulberry32(seed)
  const ground = await prepareGround({
    main: cluster.primary,
    replica: cluster.standby,
    site: { redis: { host: redis.host, port: redis.port, leadMs }, journalFallback: 'lmdb' },
  })
  const books = Array.from(
    { length: processCount },
    (_, index) => new Bookkeeper([`a of ${index}`, `b of ${index}`]),
  )
  let kills = 0
  try {
    await mend(redis)
    // Only the first start of all needs Redis.
    const first = start(ground, books[0]!, 1, () => undefined)
    await first.until('recorded')
    await first.kill()
    for (let run = 0; run < runs; run += 1) {
      await oneRun(ground, books, redis, fault, random)
      kills += processCount
      options.onProgress?.(kills)
    }
    await mend(redis)
    const last = books.map((book) => start(ground, book, 2, () => undefined))
    try {
      for (const recorder of last) await recorder.until('drained')
      for (const recorder of last) await recorder.finish()
    } finally {
      await Promise.all(last.map((recorder) => recorder.kill()))
    }
    const accounts = books.map(({ account }) => account)
    const acknowledged = accounts.flatMap((account) => account.acknowledged)
    const inDoubt = accounts.flatMap((account) => account.inDoubt)
    return {
      kills,
      acknowledged: acknowledged.length,
      replays: books.reduce((sum, { replays }) => sum + replays, 0),
      contradictions: books.flatMap(({ contradictions }) => contradictions),
      violations: await ground.violations({ acknowledged, inDoubt }),
    }
  } finally {
    await ground.clear()
  }
}

async function oneRun(
  ground: Ground,
  books: readonly Bookkeeper[],
  redis: RedisServer,
  fault: RedisFault,
  random: () => number,
): Promise<void> {
  const draw = (limit: number) => 1 + Math.floor(random() * limit)
  const faultAt = draw(spread.fault)
  const repairAt = faultAt + draw(spread.repair)
  const killsAt = books.map(() => draw(spread.kill))
  const steps: Promise<void>[] = []
  let acknowledged = 0
  const next = () => {
    acknowledged += 1
    if (acknowledged === faultAt) steps.push(strike(redis, fault))
    // One after the other: a mended Redis may not be struck afterwards.
    if (acknowledged === repairAt) steps.push(Promise.all(steps).then(() => mend(redis)))
    for (const [index, at] of killsAt.entries()) {
      if (acknowledged === at) steps.push(recorders[index]!.kill())
    }
  }
  const recorders = books.map((book) => start(ground, book, 100_000, next))
  try {
    await Promise.all(recorders.map((recorder) => recorder.untilKilled()))
  } finally {
    await Promise.all(recorders.map((recorder) => recorder.kill()))
  }
  await Promise.all(steps)
}

function start(
  ground: Ground,
  book: Bookkeeper,
  perStream: number,
  onAcknowledged: () => void,
): RecorderProcess {
  return new RecorderProcess({ site: ground.site, streams: book.streams, perStream }, (line) => {
    book.note(line)
    if (line.kind === 'acknowledged') onAcknowledged()
  })
}

async function strike(redis: RedisServer, fault: RedisFault): Promise<void> {
  if (fault === 'killed') await redis.kill()
  else if (fault === 'stopped') redis.pause()
  else if (fault === 'full') await tell(redis, 'CONFIG', 'SET', 'maxmemory', '1mb')
  else await tell(redis, 'FLUSHALL')
}

async function mend(redis: RedisServer): Promise<void> {
  redis.resume()
  await redis.start()
  await tell(redis, 'CONFIG', 'SET', 'maxmemory', '0')
}

async function tell(redis: RedisServer, ...command: readonly string[]): Promise<void> {
  const client = createClient({ socket: { host: redis.host, port: redis.port, reconnectStrategy: false } })
  client.on('error', () => undefined)
  await client.connect()
  await client.sendCommand([...command]).finally(() => client.destroy())
}
