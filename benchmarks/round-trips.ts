import { type BenchmarkOptions, sizeFor } from './benchmark.ts'
import type { HttpConnection } from './http-connection.ts'
import { NightRequests } from './night-requests.ts'
import { openLoop } from './open-loop.ts'
import { atMost, type Goal, type Row, rowOf, shown } from './row.ts'
import { type Service, startService, untilAnswering } from './service.ts'
import { withStage } from './stage.ts'
import { percentile } from './statistics.ts'

const sizes = {
  full: { seconds: 60, warmUpSeconds: 5 },
  quick: { seconds: 15, warmUpSeconds: 3 },
  smoke: { seconds: 1, warmUpSeconds: 0 },
}
const roundTripMs = 250
const perSecond = 10
const settleMs = 15_000

interface Followed {
  readonly id: string
  readonly acknowledgedMs: number
  appliedMs?: number
  replicatedMs?: number
}

/**
 * How long after its acknowledgement a write is on main, and how long until it is on the replica, as a client sees it
 * by asking the site for the transaction.
 */
export async function roundTrips({ scale, onProgress }: BenchmarkOptions): Promise<readonly Row[]> {
  const size = sizeFor(scale, sizes)
  return await withStage(scale, {}, async (stage) => {
    const service = await startService(stage)
    await untilAnswering(service)
    stage.link.delay(roundTripMs)
    const night = new NightRequests(stage)
    const follower = new Follower(service)
    onProgress(`${perSecond} requests/s for ${size.seconds} s at ${roundTripMs} ms round trip`)
    const warmUntilMs = performance.now() + size.warmUpSeconds * 1000
    await openLoop({
      target: service,
      perSecond,
      seconds: size.seconds + size.warmUpSeconds,
      warmUpSeconds: 0,
      next: () => {
        const request = night.next()
        return {
          ...request,
          onAnswer: (answer) => {
            request.onAnswer?.(answer)
            const { transaction_id: id } = JSON.parse(answer.body) as { transaction_id: string }
            if (performance.now() >= warmUntilMs) follower.follow(id)
          },
        }
      },
    })
    const followed = await follower.finish()
    const applied = followed.map(({ acknowledgedMs, appliedMs }) => appliedMs! - acknowledgedMs)
    const replicated = followed.map(({ acknowledgedMs, replicatedMs }) => replicatedMs! - acknowledgedMs)
    return [
      row('applied', 'p50', percentile(applied, 0.5), atMost(2)),
      row('applied', 'p99', percentile(applied, 0.99), shown),
      row('replicated', 'p50', percentile(replicated, 0.5), atMost(3)),
      row('replicated', 'p99', percentile(replicated, 0.99), shown),
    ]
  })
}

function row(state: string, name: string, valueMs: number, goal: Goal): Row {
  return rowOf({
    measure: `ack to ${state} at ${roundTripMs} ms round trip, ${perSecond} requests/s, ${name} (ms)`,
    baseline: 'the round trip',
    value: valueMs,
    baselineValue: roundTripMs,
    goal,
  })
}

/** Asks for the oldest transactions under way again and again, and notes when each state is first seen. */
class Follower {
  readonly #connection: HttpConnection
  readonly #underWay: Followed[] = []
  readonly #done: Followed[] = []
  readonly #finishing = new AbortController()
  readonly #watching: Promise<void>

  constructor(service: Service) {
    this.#connection = service.connect()
    this.#watching = this.#watch()
  }

  follow(id: string): void {
    this.#underWay.push({ id, acknowledgedMs: performance.now() })
  }

  /** Error: when a transaction has not arrived some time after the last was sent. */
  async finish(): Promise<readonly Followed[]> {
    this.#finishing.abort()
    await this.#watching
    this.#connection.close()
    return this.#done
  }

  async #watch(): Promise<void> {
    let deadlineMs = Number.POSITIVE_INFINITY
    while (this.#underWay.length > 0 || !this.#finishing.signal.aborted) {
      if (this.#finishing.signal.aborted) deadlineMs = Math.min(deadlineMs, performance.now() + settleMs)
      if (performance.now() > deadlineMs) throw new Error(`${this.#underWay.length} never arrived.`)
      for (const followed of [...this.#underWay]) await this.#look(followed)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  async #look(followed: Followed): Promise<void> {
    const { body } = await this.#connection.request('GET', `/transactions/${followed.id}`)
    const nowMs = performance.now()
    const { state } = JSON.parse(body) as { state: string }
    if (state === 'buffered') return
    followed.appliedMs ??= nowMs
    if (state !== 'replicated' && state !== 'retained') return
    followed.replicatedMs = nowMs
    this.#underWay.splice(this.#underWay.indexOf(followed), 1)
    this.#done.push(followed)
  }
}
