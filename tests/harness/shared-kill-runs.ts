import type { Cluster, RedisServer } from '@outpost/lab'
import { Bookkeeper } from './bookkeeper.ts'
import { type Ground, prepareGround } from './ground.ts'
import type { KillPlan, KillStep } from './kill-points.ts'
import type { KillRunsResult } from './kill-runs.ts'
import { RecorderProcess } from './recorder-process.ts'

export interface SharedKillRunsOptions {
  readonly cluster: Cluster
  readonly redis: RedisServer
  readonly step: KillStep
  /** In each all processes are killed once. */
  readonly runs: number
  readonly seed: number
  readonly onProgress?: (done: number) => void
}

const processCount = 3
/** Short, so that a killed leader is soon replaced. */
const leadMs = 500

/**
 * Kills three recording processes of one site that share a journal in Redis, again and again: at one step of appending
 * each of them, at one step of a CALL the one that drains and then the others wherever they are. The next three go on
 * with the journal that they left behind; at the end one drains, and main is compared with what was acknowledged.
 */
export async function runSharedKills(options: SharedKillRunsOptions): Promise<KillRunsResult> {
  const { cluster, redis, runs, step, seed } = options
  const at = { host: redis.host, port: redis.port, leadMs }
  const ground = await prepareGround({ main: cluster.primary, replica: cluster.standby, site: { redis: at } })
  const books = Array.from(
    { length: processCount },
    (_, index) => new Bookkeeper([`a of ${index}`, `b of ${index}`]),
  )
  let kills = 0
  try {
    for (let run = 0; run < runs; run += 1) {
      const recorders = books.map((book, index) => {
        const kill = planOf(step, seed + run * processCount + index)
        return start(ground, book, { perStream: 1_000, kill })
      })
      try {
        await (isOfCall(step)
          ? Promise.race(recorders.map((recorder) => recorder.untilKilled()))
          : Promise.all(recorders.map((recorder) => recorder.untilKilled())))
      } finally {
        await Promise.all(recorders.map((recorder) => recorder.kill()))
      }
      kills += processCount
      options.onProgress?.(kills)
    }
    const last = books.map((book) => start(ground, book, { perStream: 2 }))
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

function start(
  ground: Ground,
  book: Bookkeeper,
  order: { readonly perStream: number; readonly kill?: KillPlan },
): RecorderProcess {
  return new RecorderProcess({ site: ground.site, streams: book.streams, ...order }, book.note)
}

const isOfCall = (step: KillStep) => step === 'mid_call' || step === 'after_commit'

/** Pure: spreads the kills over the first appends or CALLs and over what happens around them. */
function planOf(step: KillStep, number: number): KillPlan {
  return { step, at: 1 + (number % (isOfCall(step) ? 4 : 13)), turns: number % 3 }
}
