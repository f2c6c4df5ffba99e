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
  /** Answers of this first time are not counted. */
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
export async function openLoop(options: OpenLoopOptions): Promise<number[]> {
  const { target, perSecond, seconds, warmUpSeconds, next } = options
  const free: HttpConnection[] = []
  const all: HttpConnection[] = []
  const latencies: number[] = []
  const underWay = new Set<Promise<void>>()
  const total = Math.round((seconds + warmUpSeconds) * perSecond)
  const firstCounted = Math.round(warmUpSeconds * perSecond)
  const startMs = performance.now() + 50

  const take = () => {
    const connection = free.pop()
    if (connection) return connection
    const opened = new HttpConnection(target)
    all.push(opened)
    return opened
  }
  const send = async (number: number) => {
    const plannedMs = startMs + (number * 1000) / perSecond
    const { method, path, body, headers, status, onAnswer } = next()
    const connection = take()
    const answer = await connection.request(method, path, body, headers)
    free.push(connection)
    if (number >= firstCounted) latencies.push(performance.now() - plannedMs)
    if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`)
    onAnswer?.(answer)
  }
  let failure: unknown
  for (let number = 0; number < total && failure === undefined && underWay.size < maxConnections; ) {
    const due = Math.min(total, Math.floor(((performance.now() - startMs) * perSecond) / 1000) + 1)
    for (; number < due; number += 1) {
      const sending = send(number).catch((error: unknown) => {
        failure ??= error
      })
      underWay.add(sending)
      void sending.finally(() => underWay.delete(sending))
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(underWay)
  for (const connection of all) connection.close()
  if (failure !== undefined) throw failure
  return latencies
}
