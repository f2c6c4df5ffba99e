import { type HttpAnswer, HttpConnection, type HttpConnectionOptions } from './http-connection.ts'

export interface PlannedRequest {
  readonly method: string
  readonly path: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  /** What the answer has to be; another one fails the benchmark. */
  readonly status: number
  readonly onAnswer?: (answer: HttpAnswer) => void
}

export interface OpenLoopOptions {
  readonly target: HttpConnectionOptions
  readonly perSecond: number
  readonly seconds: number
  /** At a fifth of the rate and not counted, so that nothing is compiled or connected while it is measured. */
  readonly warmUpSeconds: number
  next(): PlannedRequest
}

/** More than this under way means that the server does not keep the rate: no more are sent. */
const maxConnections = 2_000

/**
 * Sends requests at even intervals whether or not earlier ones were answered, and returns the milliseconds from the
 * moment at which each *should* have been sent to its answer: a server that stalls is charged with what waited. One that
 * falls behind for good is sent no more, and its latencies, by then seconds, say so.
 */
export async function openLoop(options: OpenLoopOptions): Promise<readonly number[]> {
  const { target, perSecond, seconds, warmUpSeconds, next } = options
  const sender = new Sender(target)
  try {
    await sender.send(perSecond / 5, warmUpSeconds, next)
    return await sender.send(perSecond, seconds, next)
  } finally {
    sender.close()
  }
}

class Sender {
  readonly #target: HttpConnectionOptions
  readonly #free: HttpConnection[] = []
  readonly #all: HttpConnection[] = []

  constructor(target: HttpConnectionOptions) {
    this.#target = target
  }

  close(): void {
    for (const connection of this.#all) connection.close()
  }

  async send(perSecond: number, seconds: number, next: () => PlannedRequest): Promise<readonly number[]> {
    const latencies: number[] = []
    const underWay = new Set<Promise<void>>()
    const total = Math.round(seconds * perSecond)
    const startMs = performance.now()
    let failure: unknown
    for (let number = 0; number < total && failure === undefined && underWay.size < maxConnections; ) {
      const due = Math.min(total, Math.floor(((performance.now() - startMs) * perSecond) / 1000) + 1)
      for (; number < due; number += 1) {
        const plannedMs = startMs + (number * 1000) / perSecond
        const sending = this.#exchange(next())
          .then(() => void latencies.push(performance.now() - plannedMs))
          .catch((error: unknown) => {
            failure ??= error
          })
        underWay.add(sending)
        void sending.finally(() => underWay.delete(sending))
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await Promise.all(underWay)
    if (failure !== undefined) throw failure
    return latencies
  }

  async #exchange({ method, path, body, headers, status, onAnswer }: PlannedRequest): Promise<void> {
    const connection = this.#take()
    const answer = await connection.request(method, path, body, headers)
    this.#free.push(connection)
    if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`)
    onAnswer?.(answer)
  }

  #take(): HttpConnection {
    const free = this.#free.pop()
    if (free) return free
    const opened = new HttpConnection(this.#target)
    this.#all.push(opened)
    return opened
  }
}
