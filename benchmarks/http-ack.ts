import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { type BenchmarkOptions, sizeFor } from './benchmark.ts'
import { NightRequests } from './night-requests.ts'
import { endChild, messageOf, spawnNode } from './node-child.ts'
import { openLoop, type PlannedRequest } from './open-loop.ts'
import { processorSeconds } from './processor-time.ts'
import { atMost, type Goal, type Row, rowOf, shown } from './row.ts'
import { type Service, startService, untilAnswering } from './service.ts'
import { type Stage, withStage } from './stage.ts'
import { median, percentile } from './statistics.ts'

const sizes = {
  full: { perSecond: 1_000, seconds: 20, warmUpSeconds: 10, rounds: 3 },
  quick: { perSecond: 1_000, seconds: 6, warmUpSeconds: 6, rounds: 1 },
  smoke: { perSecond: 100, seconds: 1, warmUpSeconds: 0.2, rounds: 1 },
}

/** At this share of the rate two cores have time to spare: what it then takes is the service's own. */
const easeShare = 0.25

/** Of a route that does nothing, asked while the service is: what it waits for is the machine, not the service. */
const witnessPerSecond = 50

/**
 * Acknowledgement over HTTP at a fixed rate, open loop, of the requests of an observing night: authentication,
 * validation, Idempotency-Key, checks on the merged replica, sync of the journal, while the applier drains into main.
 * Beside it what the sync alone costs on this machine.
 */
export async function httpAck({ scale, onProgress }: BenchmarkOptions): Promise<readonly Row[]> {
  const size = sizeFor(scale, sizes)
  return await withStage(scale, { isLinked: false }, async (stage) => {
    // Main stands for another machine: it gets what the site leaves of this one, and its new processes inherit that.
    setPriority(stage.cluster.primary.pid!, constants.priority.PRIORITY_LOW)
    const empty = await startRoute(stage, 'empty-route')
    const synced = await startRoute(stage, 'synced-route')
    const service = await startService(stage)
    await untilAnswering(service)
    const night = new NightRequests(stage)
    const bodies = new NightRequests(stage)
    const toRoute = () => ({ ...bodies.next(), path: '/', status: 200, onAnswer: () => undefined })
    const measure = async (
      target: Target,
      perSecond: number,
      next: () => PlannedRequest,
    ): Promise<Measured> => {
      const pids = [target.pid, stage.cluster.primary.pid!, stage.cluster.standby.pid!]
      const seconds = () => Promise.all(pids.map(processorSeconds))
      const before = await seconds()
      const latencies = await openLoop({ ...size, perSecond, target, next })
      const after = await seconds()
      const requests = perSecond * (size.seconds + size.warmUpSeconds / 5)
      const [own, main, replica] = after.map((value, index) => ((value - before[index]!) / requests) * 1000)
      onProgress(`    processor time per request: ${ms(own!)}; main ${ms(main!)}, replica ${ms(replica!)}`)
      return { latencies, processorMs: own! }
    }
    const baseline: Measured[] = []
    const product: Measured[] = []
    const witness: (readonly number[])[] = []
    const durable: Measured[] = []
    for (let round = 1; round <= size.rounds; round += 1) {
      onProgress(`round ${round}/${size.rounds}: ${size.perSecond} requests/s for ${size.seconds} s each`)
      baseline.push(await measure(empty, size.perSecond, toRoute))
      durable.push(await measure(synced, size.perSecond, toRoute))
      const [measured, beside] = await Promise.all([
        measure(service, size.perSecond, () => night.next()),
        openLoop({ ...size, perSecond: witnessPerSecond, target: empty, next: toRoute }),
      ])
      product.push(measured)
      witness.push(beside)
      onProgress(
        `empty route ${describe(baseline.at(-1)!)}; one that syncs ${describe(durable.at(-1)!)}; service ${describe(product.at(-1)!)}`,
      )
    }
    const easePerSecond = size.perSecond * easeShare
    onProgress(`${easePerSecond} requests/s for ${size.seconds} s each`)
    const emptyAtEase = await measure(empty, easePerSecond, toRoute)
    const syncedAtEase = await measure(synced, easePerSecond, toRoute)
    const atEase = await measure(service, easePerSecond, () => night.next())
    onProgress(
      `empty route ${describe(emptyAtEase)}; one that syncs ${describe(syncedAtEase)}; service ${describe(atEase)}`,
    )
    const at = (share: number, rounds: readonly Measured[]) =>
      median(rounds.map(({ latencies }) => percentile(latencies, share)))
    const ackRow = (
      perSecond: number,
      share: number,
      own: readonly Measured[],
      plain: readonly Measured[],
      goal: Goal,
    ) =>
      rowOf({
        measure: `ack over HTTP at ${perSecond} requests/s beside a main at low priority, p${share * 100} (ms)`,
        baseline: 'an empty fastify route',
        value: at(share, own),
        baselineValue: at(share, plain),
        goal,
      })
    const rows = [
      ackRow(size.perSecond, 0.5, product, baseline, shown),
      ackRow(size.perSecond, 0.99, product, baseline, atMost(3)),
      ackRow(easePerSecond, 0.5, [atEase], [emptyAtEase], shown),
      ackRow(easePerSecond, 0.99, [atEase], [emptyAtEase], shown),
    ]
    const floorRow = (
      perSecond: number,
      share: number,
      own: readonly Measured[],
      plain: readonly Measured[],
    ) =>
      rowOf({
        measure: `a route that only appends the body and syncs, ${perSecond} requests/s, p${share * 100} (ms)`,
        baseline: 'an empty fastify route',
        value: at(share, own),
        baselineValue: at(share, plain),
        goal: shown,
      })
    const floor = [
      floorRow(size.perSecond, 0.5, durable, baseline),
      floorRow(size.perSecond, 0.99, durable, baseline),
      floorRow(easePerSecond, 0.5, [syncedAtEase], [emptyAtEase]),
      floorRow(easePerSecond, 0.99, [syncedAtEase], [emptyAtEase]),
    ]
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
    return [...rows, ...floor, processorTime, machine]
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

async function startRoute(stage: Stage, name: 'empty-route' | 'synced-route') {
  const logPath = join(stage.folder, `${name}.log`)
  const child = spawnNode({
    program: `benchmarks/${name}.ts`,
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
