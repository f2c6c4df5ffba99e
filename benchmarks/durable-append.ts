import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'lmdb'
import { systemClock } from '../packages/outpost/src/clock/clock.ts'
import { openLmdbJournal } from '../packages/outpost/src/journal/lmdb/open.ts'
import { sampleDraft } from '../packages/outpost/src/journal/sample-draft.spec-suite.ts'
import type { TransactionDraft } from '../packages/outpost/src/transaction/transaction.ts'
import { hasRedis, openRedisAppender, openRedisClientAppender } from './redis-appender.ts'

/** One row of a benchmark's table. */
export interface Measured {
  readonly measure: string
  readonly baseline: string
  readonly value: number
  readonly baseline_value: number
  readonly ratio: number
  readonly goal: string
  readonly holds: boolean
}

/** Something that durably stores one record per call. */
interface Appender {
  append(number: number): Promise<unknown>
  close(): Promise<void>
}

const writerCounts = [1, 32, 128] as const

export interface DurableAppendOptions {
  /** Of measuring, for each contender and number of writers; divided among the rounds. */
  readonly seconds: number
  /** Default 3. */
  readonly rounds?: number
}

/**
 * Durable appends per second of transactions of about 600 bytes, closed loop: each writer waits for its
 * acknowledgement before the next append.
 */
export async function run({ seconds, rounds = 3 }: DurableAppendOptions): Promise<Measured[]> {
  const withRedis = await hasRedis()
  const rows: Measured[] = []
  for (const writers of writerCounts) {
    const contenders = withRedis ? [...embedded, ...redisContenders(writers)] : embedded
    const rates = await medianRates(contenders, writers, seconds / rounds, rounds)
    const measure = `durable append, ${writers} ${writers === 1 ? 'writer' : 'writers'} (1/s)`
    for (const { name, goal } of contenders.slice(1)) {
      rows.push(row(measure, name, rates.get(product.name)!, rates.get(name)!, goal))
    }
  }
  return rows
}

interface Contender {
  readonly name: string
  /** Least ratio of the product to this one; undefined where it is shown for comparison only. */
  readonly goal?: number
  readonly open: MakeAppender
}

const product: Contender = { name: 'journal', open: openProduct }
const embedded: readonly Contender[] = [
  product,
  { name: 'LMDB, flushed puts', goal: 0.6, open: openBareLmdb },
]

/**
 * Redis as an application has it, through the `redis` client, and, to see what the client costs, by bare sockets: one
 * for each writer, and one that all share.
 */
function redisContenders(writers: number): readonly Contender[] {
  const client = (appendfsync: 'always' | 'everysec') => (folder: string) =>
    openRedisClientAppender({ folder, appendfsync, make: draft })
  const bare = (connections: number) => (folder: string) =>
    openRedisAppender({ folder, appendfsync: 'everysec', connections, make: draft })
  const everysec = 'Redis AOF everysec (not durable)'
  return [
    { name: 'Redis AOF always, redis client', open: client('always') },
    { name: `${everysec}, redis client`, open: client('everysec'), ...(writers === 128 ? { goal: 2 } : {}) },
    { name: `${everysec}, bare sockets`, open: bare(writers) },
    ...(writers === 1 ? [] : [{ name: `${everysec}, one bare socket`, open: bare(1) }]),
  ]
}

/** Every contender in turn, several times, so that a noisy moment meets all of them. */
async function medianRates(
  contenders: readonly Contender[],
  writers: number,
  roundSeconds: number,
  rounds: number,
) {
  const rates = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, open } of contenders)
      rates.get(name)!.push(await perSecond(open, writers, roundSeconds))
  }
  return new Map([...rates].map(([name, values]) => [name, median(values)]))
}

type MakeAppender = (folder: string) => Promise<Appender>

async function perSecond(makeAppender: MakeAppender, writers: number, seconds: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'outpost-bench-'))
  const appender = await makeAppender(folder)
  let number = 0
  let done = 0
  const loop = async (until: number) => {
    while (performance.now() < until) {
      number += 1
      await appender.append(number)
      done += 1
    }
  }
  const phase = (lengthMs: number) => {
    const until = performance.now() + lengthMs
    return Promise.all(Array.from({ length: writers }, () => loop(until)))
  }
  await phase(200)
  done = 0
  const startedMs = performance.now()
  await phase(seconds * 1000)
  const rate = (done / (performance.now() - startedMs)) * 1000
  await appender.close()
  await rm(folder, { recursive: true, force: true })
  return rate
}

async function openProduct(folder: string): Promise<Appender> {
  const journal = await openLmdbJournal({ path: join(folder, 'journal'), clock: systemClock })
  return { append: (number) => journal.append(draft(number)), close: () => journal.stop() }
}

/** LMDB as its own documentation has it, without ids, checksums, indexes or listeners. */
async function openBareLmdb(folder: string): Promise<Appender> {
  const db = open<Buffer, number>({
    path: join(folder, 'bare'),
    noSubdir: false,
    encoding: 'binary',
    mapSize: 2 ** 36,
    overlappingSync: false,
  })
  return { append: (number) => db.put(number, bareValue), close: () => db.close() }
}

const template = sampleDraft(1)
const bareValue = Buffer.from(JSON.stringify(template))

/** A new id per record; the rest is shared, because making a transaction is not what is measured here. */
function draft(number: number): TransactionDraft {
  return { ...template, id: `0192f000-0000-7000-8000-${number.toString(16).padStart(12, '0')}` }
}

function row(
  measure: string,
  baseline: string,
  value: number,
  baselineValue: number,
  goal: number | undefined,
): Measured {
  const ratio = value / baselineValue
  return {
    measure,
    baseline,
    value: Math.round(value),
    baseline_value: Math.round(baselineValue),
    ratio: Math.round(ratio * 100) / 100,
    goal: goal === undefined ? 'shown only' : `>= ${goal} x`,
    holds: goal === undefined || ratio >= goal,
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}
