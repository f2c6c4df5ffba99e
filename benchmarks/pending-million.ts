import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MemoryWatch } from './anonymous-memory.ts'
import { fillJournal } from './backlog.ts'
import { type BenchmarkOptions, sizeFor } from './benchmark.ts'
import type { HttpConnection } from './http-connection.ts'
import { NightRequests } from './night-requests.ts'
import { atMost, atMostValue, type Goal, type Row, rowOf } from './row.ts'
import { type Service, startService, untilAnswering } from './service.ts'
import { type Stage, withStage } from './stage.ts'
import { median } from './statistics.ts'

const sizes = {
  full: { transactions: 1_000_000, requests: 500, rounds: 5 },
  quick: { transactions: 100_000, requests: 200, rounds: 3 },
  smoke: { transactions: 1_000, requests: 10, rounds: 1 },
}

interface Measured {
  readonly service: Service
  readonly memory: MemoryWatch
  readonly readyAfterSeconds: number
}

/**
 * A site that comes back after a very long outage, its link still cut: memory, time to start, and what appends and
 * reads by id cost beside a site with an empty journal on the same servers, in turn.
 */
export async function pendingMillion({ scale, onProgress }: BenchmarkOptions): Promise<readonly Row[]> {
  const { transactions, requests, rounds } = sizeFor(scale, sizes)
  return await withStage(scale, {}, async (stage) => {
    const opened: Measured[] = []
    await learn(stage, ['empty', 'full'])
    stage.link.cut()
    const folder = join(stage.folder, 'full')
    onProgress(`filling a journal with ${transactions} transactions`)
    const filled = await fillJournal(stage, {
      site: 'full',
      folder,
      transactions,
      filesPerTransaction: 1,
      onProgress,
    })
    for (const site of ['empty', 'full'] as const) {
      opened.push(await start(stage, site))
      onProgress(`${site}: answers after ${opened.at(-1)!.readyAfterSeconds.toFixed(1)} s`)
    }
    const [empty, full] = opened as [Measured, Measured]
    const emptyIds = [await startUnit(stage, empty.service)]
    const appends = new InTurn()
    const reads = new InTurn()
    for (let round = 1; round <= rounds; round += 1) {
      onProgress(`round ${round}/${rounds}: ${requests} appends and reads each`)
      appends.add(
        await timedAppends(stage, full.service, requests),
        await timedAppends(stage, empty.service, requests),
      )
      reads.add(
        await timedReads(full.service, filled.unitIds, requests),
        await timedReads(empty.service, emptyIds, requests),
      )
    }
    const name = `${transactions} pending`
    const rowFor = (what: string, value: number, baselineValue: number, goal: Goal) =>
      rowOf({ measure: `${name}: ${what}`, baseline: 'an empty journal', value, baselineValue, goal })
    return [
      rowFor(
        'anonymous memory, highest (MB)',
        full.memory.highestMb,
        empty.memory.highestMb,
        atMostValue(400, 'MB'),
      ),
      rowFor(
        'restart until it answers (s)',
        full.readyAfterSeconds,
        empty.readyAfterSeconds,
        atMostValue(20, 's'),
      ),
      rowFor('append over HTTP, p50 (ms)', ...appends.medians(), atMost(1.5)),
      rowFor('read by id over HTTP, p50 (ms)', ...reads.medians(), atMost(1.5)),
    ]
  })
}

/** Medians of two sites that are asked in turn. */
class InTurn {
  readonly #values: number[] = []
  readonly #baseline: number[] = []

  add(value: number, baseline: number): void {
    this.#values.push(value)
    this.#baseline.push(baseline)
  }

  medians(): [value: number, baseline: number] {
    return [median(this.#values), median(this.#baseline)]
  }
}

/** The very first start of a site needs a database for the table definitions and the tokens; one learns for both. */
async function learn(stage: Stage, [first, second]: readonly [string, string]): Promise<void> {
  const service = await startService(stage, { name: first })
  await untilAnswering(service)
  await service.stop()
  const journal = join(stage.folder, second, 'journal')
  await mkdir(journal, { recursive: true })
  for (const file of ['catalog.json', 'tokens.json'])
    await copyFile(join(stage.folder, first, 'journal', file), join(journal, file))
}

async function start(stage: Stage, site: string): Promise<Measured> {
  const startedMs = performance.now()
  let memory: MemoryWatch | undefined
  const service = await startService(stage, {
    name: site,
    onSpawn: (pid) => {
      const watch = new MemoryWatch(pid)
      stage.stopsFirst(async () => watch.stop())
      memory = watch
    },
  })
  await untilAnswering(service, 120_000)
  return { service, memory: memory!, readyAfterSeconds: (performance.now() - startedMs) / 1000 }
}

async function startUnit(stage: Stage, service: Service): Promise<string> {
  return await using(service, async (connection) => {
    const { method, path, body } = new NightRequests(stage).next()
    const answer = await connection.request(method, path, body)
    return (JSON.parse(answer.body) as { id: string }).id
  })
}

/** Median milliseconds of an append, one after another. */
function timedAppends(stage: Stage, service: Service, count: number): Promise<number> {
  return using(service, async (connection) => {
    const night = new NightRequests(stage)
    return await timed(count, async () => {
      const { method, path, body, headers, status, onAnswer } = night.next()
      const answer = await connection.request(method, path, body, headers)
      if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`)
      onAnswer?.(answer)
    })
  })
}

function timedReads(service: Service, ids: readonly string[], count: number): Promise<number> {
  return using(service, (connection) =>
    timed(count, async (number) => {
      const id = ids[(number * 7_919) % ids.length]!
      const answer = await connection.request('GET', `/executed_obs_units/${id}`)
      if (answer.status !== 200) throw new Error(`GET of unit ${id}: ${answer.status} ${answer.body}`)
    }),
  )
}

async function timed(count: number, act: (number: number) => Promise<void>): Promise<number> {
  const values: number[] = []
  for (let number = 0; number < count; number += 1) {
    const startedMs = performance.now()
    await act(number)
    values.push(performance.now() - startedMs)
  }
  return median(values)
}

async function using<Result>(
  service: Service,
  act: (connection: HttpConnection) => Promise<Result>,
): Promise<Result> {
  const connection = service.connect()
  try {
    return await act(connection)
  } finally {
    connection.close()
  }
}
