// The long forms of the fault tests and property tests, on PostgreSQL 15 and 18. Prints what it does and its seed, which
// leads to the same cases again; ends with 1 when anything was violated.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { findPostgres, RedisServer, startCluster } from '@outpost/lab'
import type { PostgresUnderTest } from '@outpost/lab/testing'
import { type RedisFault, redisFaults, runFallbacks } from '../tests/harness/fallback-runs.ts'
import { runHandOver } from '../tests/harness/hand-over-run.ts'
import { type KillStep, killSteps } from '../tests/harness/kill-points.ts'
import { runKills } from '../tests/harness/kill-runs.ts'
import { runSharedKills } from '../tests/harness/shared-kill-runs.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    kills: { type: 'string', default: '500' },
    cases: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '10' },
    on: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const minutes = Number(values.minutes)
const kills = Number(values.kills)
const rounds = Number(values.rounds)

const longestTestMs = 6 * 3_600_000

interface Soak {
  readonly name: string
  run(pg: PostgresUnderTest): Promise<readonly unknown[]>
}

/** A file of tests that runs on both versions by itself, made longer by its environment or by repeating it. */
interface Suite {
  readonly name: string
  readonly path: string
  readonly project: 'unit' | 'servers'
  readonly env: Readonly<Record<string, string>>
  readonly rounds: number
}

const suites: readonly Suite[] = [
  {
    name: 'merged-reads',
    path: 'packages/outpost/src/overlay/overlay.pg.test.ts',
    project: 'servers',
    env: { OUTPOST_CASES: values.cases },
    rounds: 1,
  },
  {
    name: 'cones',
    path: 'packages/outpost/src/site/dead-letters/cones.pg.test.ts',
    project: 'servers',
    env: { OUTPOST_CONE_CASES: '1000' },
    rounds: 1,
  },
  {
    name: 'preflight',
    path: 'packages/outpost/src/preflight/preflight-property.pg.test.ts',
    project: 'servers',
    env: { OUTPOST_CASES: '1000' },
    rounds: 1,
  },
  {
    name: 'conflicts',
    path: 'packages/outpost/src/site/conflicts-simulation.pg.test.ts',
    project: 'servers',
    env: { OUTPOST_CASES: '300' },
    rounds: 1,
  },
  {
    name: 'sync-order',
    path: 'packages/outpost/src/journal/sync-order',
    project: 'servers',
    env: { OUTPOST_SYNC_ORDER_POINTS: '500' },
    rounds: 1,
  },
  {
    name: 'redis-sync-order',
    path: 'packages/outpost/src/journal/redis/sync-order.process.test.ts',
    project: 'servers',
    env: { OUTPOST_REDIS_SYNC_POINTS: '100' },
    rounds: 1,
  },
  {
    name: 'simulation',
    path: 'packages/outpost/src/applier/applier.simulation.test.ts',
    project: 'unit',
    env: { SIMULATION_RUNS: '5000' },
    rounds: 1,
  },
  { name: 'outages', path: 'tests/outages.cluster.test.ts', project: 'servers', env: {}, rounds },
  { name: 'replaced-main', path: 'tests/replaced-main.cluster.test.ts', project: 'servers', env: {}, rounds },
]

const soaks: readonly Soak[] = [
  ...killSteps.map((step) => ({ name: `kill-${step}`, run: (pg: PostgresUnderTest) => killAt(pg, step) })),
  ...killSteps.map((step) => ({
    name: `redis-kill-${step}`,
    run: (pg: PostgresUnderTest) => killSharedAt(pg, step),
  })),
  ...redisFaults.map((fault) => ({
    name: `redis-fallback-${fault}`,
    run: (pg: PostgresUnderTest) => failRedis(pg, fault),
  })),
  { name: 'hand-over', run: handOver },
]

const names = [...suites, ...soaks].map(({ name }) => name)

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

/** The same of three processes that share a journal in Redis. */
async function killSharedAt({ binaries }: PostgresUnderTest, step: KillStep): Promise<readonly unknown[]> {
  const cluster = await startCluster({ binaries })
  const redis = await RedisServer.start()
  try {
    const onProgress = (done: number) => {
      if (done % 30 === 0) progress(`${done} of ${kills} kills`)
    }
    const result = await runSharedKills({
      cluster,
      redis,
      step,
      runs: Math.ceil(kills / 3),
      seed,
      onProgress,
    })
    progress(`${result.kills} kills, ${result.acknowledged} acknowledged, ${result.replays} answered again`)
    return [...result.violations, ...result.contradictions]
  } finally {
    await redis.destroy()
    await cluster.stop()
  }
}

/** Redis fails under three processes that keep a copy beside it, and each is killed around that. */
async function failRedis({ binaries }: PostgresUnderTest, fault: RedisFault): Promise<readonly unknown[]> {
  const cluster = await startCluster({ binaries })
  const redis = await RedisServer.start()
  try {
    const onProgress = (done: number) => {
      if (done % 30 === 0) progress(`${done} of ${kills} kills`)
    }
    const result = await runFallbacks({ cluster, redis, fault, runs: Math.ceil(kills / 3), seed, onProgress })
    progress(`${result.kills} kills, ${result.acknowledged} acknowledged, ${result.replays} answered again`)
    return [...result.violations, ...result.contradictions]
  } finally {
    await redis.destroy()
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

/** True when every round passed. Each round has a seed of its own, which follows from the soak's. */
async function passes({ path, project, env, rounds: wanted }: Suite): Promise<boolean> {
  for (let round = 0; round < wanted; round += 1) {
    const own = String(seed + round)
    progress(`round ${round + 1} of ${wanted}, seed ${own}`)
    const child = spawn(
      'npx',
      ['vitest', 'run', '--project', project, '--testTimeout', String(longestTestMs), path],
      { stdio: ['ignore', 2, 2], env: { ...process.env, OUTPOST_SEED: own, OUTPOST_TEST_SEED: own, ...env } },
    )
    const [code] = (await once(child, 'exit')) as [number | null]
    if (code !== 0) return false
  }
  return true
}

if (values.help) {
  process.stdout.write(`npm run soak -- [--only NAME] [--seed S] [--kills N] [--minutes N] [--cases N] [--rounds N]

  --only NAME   one of ${names.join(', ')}, or the beginning of several
  --on N        only on PostgreSQL 15 or 18: kills and hand-over, the others run on both (both)
  --seed S      the same cases again; random when left out, and printed
  --kills N     kills at each step (${kills})
  --minutes N   of hand-over on each version (${minutes})
  --cases N     random SELECTs against the truth (${values.cases})
  --rounds N    of what is repeated: outages, replaced-main (${rounds})
`)
  process.exit(0)
}
const isWanted = ({ name }: { readonly name: string }) =>
  values.only === undefined || name.startsWith(values.only)
if (!names.some((name) => isWanted({ name }))) {
  process.stderr.write(`Nothing is named "${values.only}". There are: ${names.join(', ')}\n`)
  process.exit(2)
}
if (!['15', '18', undefined].includes(values.on)) {
  process.stderr.write(`There is no PostgreSQL "${values.on}" here, only 15 and 18\n`)
  process.exit(2)
}
process.stderr.write(`seed ${seed}\n`)
let failures = 0
for (const suite of suites.filter(isWanted)) {
  process.stderr.write(`${suite.name}\n`)
  const isPassed = await passes(suite)
  process.stdout.write(`${suite.name}, seed ${seed}: ${isPassed ? 'no violation' : 'FAILED, see above'}\n`)
  failures += isPassed ? 0 : 1
}
for (const major of ([15, 18] as const).filter((each) => (values.on ?? String(each)) === String(each))) {
  const pg: PostgresUnderTest = { major, binaries: findPostgres(major) }
  for (const { name, run } of soaks.filter(isWanted)) {
    process.stderr.write(`${name} on PostgreSQL ${major}\n`)
    const found = await run(pg)
    const verdict = found.length === 0 ? 'no violation' : JSON.stringify(found.slice(0, 20), undefined, 2)
    process.stdout.write(`${name} on PostgreSQL ${major}, seed ${seed}: ${verdict}\n`)
    failures += found.length === 0 ? 0 : 1
  }
}
process.exitCode = failures === 0 ? 0 : 1
