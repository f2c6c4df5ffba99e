import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { type BenchmarkOptions, sizeFor } from './benchmark.ts'
import { NightRequests } from './night-requests.ts'
import { endChild, messageOf, spawnNode } from './node-child.ts'
import { openLoop, type PlannedRequest } from './open-loop.ts'
import { processorSeconds } from './processor-time.ts'
import { atMost, type Row, rowOf, shown } from './row.ts'
import { type Service, startService, untilAnswering } from './service.ts'
import { type Stage, withStage } from './stage.ts'
import { median, percentile } from './statistics.ts'

const sizes = {
  full: { perSecond: 1_000, seconds: 20, warmUpSeconds: 10, rounds: 3 },
  quick: { perSecond: 1_000, seconds: 6, warmUpSeconds: 6, rounds: 1 },
  smoke: { perSecond: 100, seconds: 1, warmUpSeconds: 0.2, rounds: 1 },
}

/** Of a route that does nothing, asked while the service is: what it waits for is the machine, not the service. */
const witnessPerSecond = 50

/**
 * Acknowledgement over HTTP at a fixed rate, open loop, of the requests of an observing night: authentication,
 * validation, Idempotency-Key, checks on the merged replica, sync of the journal, while the applier drains into main.
 */
export async function httpAck({ scale, onProgress }: BenchmarkOptions): Promise<readonly Row[]> {
  const size = sizeFor(scale, sizes)
  return await withStage(scale, { isLinked: false }, async (stage) => {
    // Main stands for another machine: it gets what the site leaves of this one, and its new processes inherit that.
    setPriority(stage.cluster.primary.pid!, constants.priority.PRIORITY_LOW)
    const empty = await startEmptyRoute(stage)
    const service = await startService(stage)
    await untilAnswering(service)
    const night = new NightRequests(stage)
    const baseline: Measured[] = []
    const product: Measured[] = []
    const witness: (readonly number[])[] = []
    const measure = async (target: Target, next: () => PlannedRequest): Promise<Measured> => {
      const pids = [target.pid, stage.cluster.primary.pid!, stage.cluster.standby.pid!]
      const seconds = () => Promise.all(pids.map(processorSeconds))
      const before = await seconds()
      const latencies = await openLoop({ ...size, target, next })
      const after = await seconds()
      const requests = size.perSecond * (size.seconds + size.warmUpSeconds / 5)
      const [own, main, replica] = after.map((value, index) => ((value - before[index]!) / requests) * 1000)
      onProgress(`    processor time per request: ${ms(own!)}; main ${ms(main!)}, replica ${ms(replica!)}`)
      return { latencies, processorMs: own! }
    }
    for (let round = 1; round <= size.rounds; round += 1) {
      onProgress(`round ${round}/${size.rounds}: ${size.perSecond} requests/s for ${size.seconds} s each`)
      const bodies = new NightRequests(stage)
      const toEmpty = () => ({ ...bodies.next(), path: '/', status: 200, onAnswer: () => undefined })
      baseline.push(await measure(empty, toEmpty))
      const [measured, beside] = await Promise.all([
        measure(service, () => night.next()),
        openLoop({ ...size, perSecond: witnessPerSecond, target: empty, next: toEmpty }),
      ])
      product.push(measured)
      witness.push(beside)
      onProgress(`empty route ${describe(baseline.at(-1)!)}; service ${describe(product.at(-1)!)}`)
    }
    const at = (share: number, rounds: readonly Measured[]) =>
      median(rounds.map(({ latencies }) => percentile(latencies, share)))
    const rows = (
      [
        [0.5, 'p50', shown],
        [0.99, 'p99', atMost(3)],
      ] as const
    ).map(([share, name, goal]) =>
      rowOf({
        measure: `ack over HTTP at ${size.perSecond} requests/s beside a main at low priority, ${name} (ms)`,
        baseline: 'an empty fastify route',
        value: at(share, product),
        baselineValue: at(share, baseline),
        goal,
      }),
    )
    const processorTime = rowOf({
      measure: 'processor time of the service per acknowledged request (ms)',
      baseline: 'an empty fastify route',
      value: median(product.map(({ processorMs }) => processorMs)),
      baselineValue: median(baseline.map(({ processorMs }) => processorMs)),
      goal: shown,
    })
    const p99 = (latencies: readonly (readonly number[])[]) =>
      median(latencies.map((round) => percentile(round, 0.99)))
    const machine = rowOf({
      measure: `an empty route asked ${witnessPerSecond} times a second beside the service at work, p99 (ms)`,
      baseline: 'the same route without it',
      value: p99(witness),
      baselineValue: p99(baseline.map(({ latencies }) => latencies)),
      goal: shown,
    })
    return [...rows, processorTime, machine]
  })
}

type Target = Pick<Service, 'host' | 'port' | 'headers' | 'pid'>

interface Measured {
  /** Milliseconds from when a request should have been sent to its answer. */
  readonly latencies: readonly number[]
  /** Of the process that answers, per request. */
  readonly processorMs: number
}

const ms = (value: number) => `${value.toFixed(2)} ms`

function describe({ latencies }: Measured): string {
  const [p50, p99] = [0.5, 0.99].map((share) => percentile(latencies, share).toFixed(2))
  return `p50 ${p50} ms, p99 ${p99} ms`
}

async function startEmptyRoute(stage: Stage) {
  const logPath = join(stage.folder, 'empty-route.log')
  const child = spawnNode({
    program: 'benchmarks/empty-route.ts',
    env: process.env,
    cwd: stage.folder,
    logPath,
  })
  stage.stopsFirst(() => endChild(child))
  const hasPort = (message: unknown): message is { port: number } =>
    typeof message === 'object' && message !== null && 'port' in message
  const { port } = await messageOf(child, logPath, hasPort)
  const headers = { authorization: `Bearer ${stage.token}` }
  return { host: '127.0.0.1', port, headers, pid: child.pid! }
}
