import type { Cluster } from '@outpost/lab'
import { Bookkeeper } from './bookkeeper.ts'
import type { Violation } from './checker.ts'
import { prepareGround } from './ground.ts'
import type { KillPlan, KillStep } from './kill-points.ts'
import { RecorderProcess } from './recorder-process.ts'

export interface KillRunsOptions {
  readonly cluster: Cluster
  readonly step: KillStep
  readonly runs: number
  readonly seed: number
  readonly onProgress?: (done: number) => void
}

export interface KillRunsResult {
  readonly kills: number
  readonly acknowledged: number
  readonly replays: number
  readonly contradictions: readonly string[]
  readonly violations: readonly Violation[]
}

const streams = ['a', 'b', 'c', 'd']

/**
 * Kills a recording site at one step again and again, each time on the journal that the last one left behind, so
 * that every restart resends what the killed one had not booked; then drains and compares.
 */
export async function runKills(options: KillRunsOptions): Promise<KillRunsResult> {
  const { cluster, step, runs, seed } = options
  const ground = await prepareGround({ main: cluster.primary, replica: cluster.standby })
  const books = new Bookkeeper(streams)
  let kills = 0
  try {
    for (let run = 0; run < runs; run += 1) {
      const order = { site: ground.site, streams: books.streams, perStream: 1_000 }
      const recorder = new RecorderProcess({ ...order, kill: planOf(step, seed + run) }, books.note)
      try {
        await recorder.untilKilled()
      } finally {
        await recorder.kill()
      }
      kills += 1
      options.onProgress?.(kills)
    }
    const last = new RecorderProcess({ site: ground.site, streams: books.streams, perStream: 2 }, books.note)
    try {
      await last.until('drained')
      await last.finish()
    } finally {
      await last.kill()
    }
    const { account, contradictions, replays } = books
    const violations = await ground.violations(account)
    return { kills, acknowledged: account.acknowledged.length, replays, contradictions, violations }
  } finally {
    await ground.clear()
  }
}

/** Pure: spreads the kills over the first appends or CALLs and over what happens around them. */
function planOf(step: KillStep, number: number): KillPlan {
  const isCall = step === 'mid_call' || step === 'after_commit'
  return { step, at: 1 + (number % (isCall ? 4 : 13)), turns: number % 3 }
}
