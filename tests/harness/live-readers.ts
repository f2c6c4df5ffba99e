import type { Site } from 'outpost/site'
import type { LiveWriter } from './live-writer.ts'
import { uuidOf } from './workload.ts'

export interface ReadFaults {
  /** Acknowledged before the read began, and not in its answer. */
  readonly missed: readonly string[]
  readonly doubled: readonly string[]
  /** Parts of one transaction without the others, or rows of a state that never was. */
  readonly torn: readonly string[]
  /** What a reader had seen and then did not see. */
  readonly vanished: readonly string[]
  readonly failed: readonly string[]
}

const newestShown = 300

/** How many files a stream has after its transaction `n`, and at which step its unit and counter are. */
export function stateAfter(n: number): { files: number; unit: number; counter: number } {
  let files = 0
  let unit = 0
  let counter = 0
  for (let at = 1; at <= n; at += 1) {
    if (at % 4 === 1) files += 2
    else if (at % 4 === 2) counter = at
    else if (at % 4 === 3) {
      files += 1
      unit = at
    } else files -= 1
  }
  return { files, unit, counter }
}

/** What of one moment does not fit its newest transaction `n`, or undefined: a statement shows each as a whole. */
export function tornPart(
  row: Readonly<Record<'audits' | 'files' | 'unit' | 'counter', number>>,
  n: number,
): string | undefined {
  const wanted = { audits: n + 1, ...stateAfter(n) }
  const parts = ['audits', 'files', 'unit', 'counter'] as const
  const torn = parts.find((part) => Number(row[part]) !== wanted[part])
  return torn && `${torn} not ${wanted[torn]}`
}

/**
 * Readers that run against a writer and check every answer against what had been acknowledged before it was asked:
 * by list, by key, and by a statement that shows all tables at one moment.
 */
export class LiveReaders {
  readonly #writer: LiveWriter
  readonly #missed: string[] = []
  readonly #doubled: string[] = []
  readonly #torn: string[] = []
  readonly #vanished: string[] = []
  readonly #failed: string[] = []
  readonly #seen = new Map<string, number>()
  readonly #servedBy = new Map<string, number>()
  #stopping = new AbortController()
  #running: Promise<unknown> = Promise.resolve()
  reads = 0

  constructor(writer: LiveWriter) {
    this.#writer = writer
  }

  get faults(): ReadFaults {
    return {
      missed: this.#missed,
      doubled: this.#doubled,
      torn: this.#torn,
      vanished: this.#vanished,
      failed: this.#failed,
    }
  }

  /** Reads served by each node. */
  get servedBy(): ReadonlyMap<string, number> {
    return this.#servedBy
  }

  /** Each reader reads all streams in turn, in one of the three ways after another. */
  start(site: Site, count: number): void {
    const stopping = new AbortController()
    this.#stopping = stopping
    const readers = Array.from(
      { length: count },
      async (_, reader) => await this.#loop(site, reader, stopping.signal),
    )
    this.#running = Promise.all(readers)
    this.#running.catch(() => undefined)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #loop(site: Site, reader: number, stopping: AbortSignal): Promise<void> {
    for (let turn = reader; !stopping.aborted; turn += 1) {
      for (const stream of this.#writer.streams) {
        if (this.#writer.newest(stream) < 0) continue
        try {
          await this.#read(site, stream, `${reader}`, turn % 3)
          this.reads += 1
        } catch (error) {
          this.#failed.push(`${stream}: ${String(error)}`)
        }
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async #read(site: Site, stream: string, reader: string, way: number): Promise<void> {
    if (way === 0) await this.#readList(site, stream, reader)
    else if (way === 1) await this.#readKey(site, stream)
    else await this.#readMoment(site, stream, reader)
  }

  async #readList(site: Site, stream: string, reader: string): Promise<void> {
    const newest = this.#writer.newest(stream)
    const answer = await site.read<{ n: number }>(
      `SELECT n FROM audit WHERE stream = $1 ORDER BY n DESC LIMIT ${newestShown}`,
      [stream],
    )
    this.#count(answer.servedBy)
    const numbers = answer.rows.map(({ n }) => Number(n))
    const top = numbers[0] ?? -1
    const shown = new Set(numbers)
    if (shown.size !== numbers.length) this.#doubled.push(`${stream}: ${numbers.join(' ')}`)
    for (let n = Math.max(top, newest); n >= 0 && n > Math.max(top, newest) - newestShown + 1; n -= 1)
      if (!shown.has(n)) this.#missed.push(`list of ${stream} without ${n} (newest ${newest}, ${answer.why})`)
    this.#noteSeen(stream, reader, top, answer.why)
  }

  async #readKey(site: Site, stream: string): Promise<void> {
    const newest = this.#writer.newest(stream)
    // One of the last few, where the hand-over from journal to replica happens.
    const n = Math.max(0, newest - (this.reads % 40))
    const row = await site.readRow('public.audit', { stream, n })
    if (row === undefined) this.#missed.push(`${stream} ${n} by key (newest ${newest})`)
  }

  async #readMoment(site: Site, stream: string, reader: string): Promise<void> {
    const newest = this.#writer.newest(stream)
    const answer = await site.read<Record<'n' | 'audits' | 'files' | 'unit' | 'counter', number>>(
      `SELECT (SELECT max(n) FROM audit WHERE stream = $1) AS n,
              (SELECT count(*) FROM audit WHERE stream = $1) AS audits,
              (SELECT count(*) FROM file JOIN unit ON unit.id = file.unit_id WHERE unit.id = $2) AS files,
              (SELECT step FROM unit WHERE id = $2) AS unit,
              (SELECT step FROM counter WHERE id = $3) AS counter`,
      [stream, uuidOf(stream, 'unit'), uuidOf(stream, 'counter')],
    )
    this.#count(answer.servedBy)
    const row = answer.rows[0]!
    const n = Number(row.n ?? -1)
    if (n < newest) this.#missed.push(`moment of ${stream} at ${n} (newest ${newest}, ${answer.why})`)
    const problem = tornPart(row, n)
    if (problem !== undefined)
      this.#torn.push(`${stream}: ${problem}, ${JSON.stringify(row)} (${answer.why})`)
    this.#noteSeen(stream, reader, n, answer.why)
  }

  #noteSeen(stream: string, reader: string, n: number, why: string): void {
    const key = `${reader} ${stream}`
    const before = this.#seen.get(key) ?? -1
    if (n < before) this.#vanished.push(`${stream} went from ${before} to ${n} (${why})`)
    this.#seen.set(key, Math.max(before, n))
  }

  #count(node: string): void {
    this.#servedBy.set(node, (this.#servedBy.get(node) ?? 0) + 1)
  }
}
