// `npm run soak -- [--only name] [--minutes n] [--seed s]`: the long forms of the fault tests, on PostgreSQL 15 and 18.
// Prints what it does and its seed; ends with 1 at the first violation, which the same seed leads to again.
import { parseArgs } from 'node:util'
import { findPostgres, startCluster } from '@outpost/lab'
import type { PostgresUnderTest } from '@outpost/lab/testing'
import { runHandOver } from '../tests/harness/hand-over-run.ts'
import { type KillStep, killSteps } from '../tests/harness/kill-points.ts'
import { runKills } from '../tests/harness/kill-runs.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    kills: { type: 'string', default: '500' },
  },
})
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const minutes = Number(values.minutes)
const kills = Number(values.kills)

interface Soak {
  readonly name: string
  run(pg: PostgresUnderTest): Promise<readonly unknown[]>
}

const soaks: readonly Soak[] = [
  ...killSteps.map((step) => ({ name: `kill-${step}`, run: (pg: PostgresUnderTest) => killAt(pg, step) })),
  { name: 'hand-over', run: handOver },
]

/** P1, P3: kill -9 at one step, again and again on one journal. */
async function killAt({ binaries }: PostgresUnderTest, step: KillStep): Promise<readonly unknown[]> {
  const cluster = await startCluster({ binaries })
  try {
    const onProgress = (done: number) => {
      if (done % 50 === 0) progress(`${done} of ${kills} kills`)
    }
    const result = await runKills({ cluster, step, runs: kills, seed, onProgress })
    progress(`${result.kills} kills, ${result.acknowledged} acknowledged, ${result.replays} answered again`)
    return [...result.violations, ...result.contradictions]
  } finally {
    await cluster.stop()
  }
}

/** P6: readers against a writer while the link flaps, with a restart every half minute. */
async function handOver(pg: PostgresUnderTest): Promise<readonly unknown[]> {
  const durationMs = minutes * 60_000
  const restarts = Math.max(1, Math.round(minutes * 2))
  const result = await runHandOver(pg, { durationMs, restarts, onProgress: progress })
  progress(`${result.recorded} recorded, ${result.reads} reads, ${result.flaps} flaps of the link`)
  return [...result.violations, ...Object.values(result.faults).flat()]
}

function progress(text: string): void {
  process.stderr.write(`  ${text}\n`)
}

const wanted = soaks.filter(({ name }) => values.only === undefined || name.startsWith(values.only))
if (wanted.length === 0) {
  process.stderr.write(
    `Nothing is named "${values.only}". There are: ${soaks.map(({ name }) => name).join(', ')}\n`,
  )
  process.exit(2)
}
process.stderr.write(`seed ${seed}\n`)
let failures = 0
for (const major of [15, 18] as const) {
  const pg: PostgresUnderTest = { major, binaries: findPostgres(major) }
  for (const { name, run } of wanted) {
    process.stderr.write(`${name} on PostgreSQL ${major}\n`)
    const found = await run(pg)
    const verdict = found.length === 0 ? 'no violation' : JSON.stringify(found.slice(0, 20), undefined, 2)
    process.stdout.write(`${name} on PostgreSQL ${major}, seed ${seed}: ${verdict}\n`)
    failures += found.length === 0 ? 0 : 1
  }
}
process.exitCode = failures === 0 ? 0 : 1
