import { join } from 'node:path'
import { type BenchmarkOptions, sizeFor } from './benchmark.ts'
import { NightRequests } from './night-requests.ts'
import { endChild, messageOf, spawnNode } from './node-child.ts'
import { openLoop } from './open-loop.ts'
import { atMost, type Row, rowOf, shown } from './row.ts'
import { type Service, startService, untilAnswering } from './service.ts'
import { type Stage, withStage } from './stage.ts'
import { median, percentile } from './statistics.ts'

const sizes = {
  full: { perSecond: 1_000, seconds: 20, warmUpSeconds: 5, rounds: 3 },
  quick: { perSecond: 1_000, seconds: 6, warmUpSeconds: 3, rounds: 1 },
  smoke: { perSecond: 100, seconds: 1, warmUpSeconds: 0.2, rounds: 1 },
}

/**
 * Acknowledgement over HTTP at a fixed rate, open loop, of the requests of an observing night: authentication,
 * validation, Idempotency-Key, checks on the merged replica, sync of the journal, while the applier drains into main.
 */
export async function httpAck({ scale, onProgress }: BenchmarkOptions): Promise<readonly Row[]> {
  const size = sizeFor(scale, sizes)
  return await withStage(scale, { isLinked: false }, async (stage) => {
    const empty = await startEmptyRoute(stage)
    const service = await startService(stage)
    await untilAnswering(service)
    const night = new NightRequests(stage)
    const baseline: (readonly number[])[] = []
    const product: (readonly number[])[] = []
    for (let round = 1; round <= size.rounds; round += 1) {
      onProgress(`round ${round}/${size.rounds}: ${size.perSecond} requests/s for ${size.seconds} s each`)
      const bodies = new NightRequests(stage)
      const toEmpty = () => ({ ...bodies.next(), path: '/', status: 200, onAnswer: () => undefined })
      baseline.push(await openLoop({ ...size, target: empty, next: toEmpty }))
      product.push(await openLoop({ ...size, target: targetOf(service), next: () => night.next() }))
      onProgress(`empty route ${describe(baseline.at(-1)!)}; service ${describe(product.at(-1)!)}`)
    }
    const at = (share: number, rounds: readonly (readonly number[])[]) =>
      median(rounds.map((latencies) => percentile(latencies, share)))
    return (
      [
        [0.5, 'p50', shown],
        [0.99, 'p99', atMost(3)],
      ] as const
    ).map(([share, name, goal]) =>
      rowOf({
        measure: `ack over HTTP at ${size.perSecond} requests/s, ${name} (ms)`,
        baseline: 'an empty fastify route',
        value: at(share, product),
        baselineValue: at(share, baseline),
        goal,
      }),
    )
  })
}

function targetOf({ host, port, headers }: Service) {
  return { host, port, headers }
}

function describe(latencies: readonly number[]): string {
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
  return { host: '127.0.0.1', port, headers }
}
