import type { Site } from 'outpost/site'
import type { Account, Recorded } from './checker.ts'
import { fill, type Intent, intentOf } from './workload.ts'

export interface LiveWriterOptions {
  readonly streams: readonly string[]
  /** Pause of each stream between an answer and the next transaction, milliseconds. */
  readonly everyMs: number
  /** Reads each transaction back by key at once; what is not seen is noted. */
  readonly readsBack?: boolean
}

/**
 * Records streams of transactions in this process, also over restarts of the site: what was in doubt is retried under
 * the same Idempotency-Key at the next site.
 */
export class LiveWriter {
  readonly #options: LiveWriterOptions
  readonly #next = new Map<string, number>()
  readonly #acknowledged: Recorded[] = []
  readonly #doubtful = new Map<string, Intent>()
  readonly latenciesMs: number[] = []
  readonly missed: string[] = []
  #stopping = new AbortController()
  #running: Promise<unknown> = Promise.resolve()

  constructor(options: LiveWriterOptions) {
    this.#options = options
    for (const stream of options.streams) this.#next.set(stream, 0)
  }

  get account(): Account {
    return { acknowledged: this.#acknowledged, inDoubt: [...this.#doubtful.values()] }
  }

  get streams(): readonly string[] {
    return this.#options.streams
  }

  /** Number of the newest acknowledged transaction of a stream; -1 before the first. */
  newest(stream: string): number {
    return (this.#next.get(stream) ?? 0) - 1
  }

  start(site: Site): void {
    const stopping = new AbortController()
    this.#stopping = stopping
    this.#running = Promise.all(
      this.#options.streams.map(async (stream) => await this.#write(site, stream, stopping.signal)),
    )
    // Reported by `stop`; unheard until then it would end the process.
    this.#running.catch(() => undefined)
  }

  /** Returns when every append under way was answered; fails with the first append that failed. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  /** Records this many more transactions of each stream, without pauses. */
  async record(site: Site, count: number): Promise<void> {
    await Promise.all(
      this.#options.streams.map(async (stream) => {
        for (let done = 0; done < count; done += 1) await this.#append(site, stream)
      }),
    )
  }

  async #write(site: Site, stream: string, stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      await this.#append(site, stream)
      await new Promise((resolve) => setTimeout(resolve, this.#options.everyMs))
    }
  }

  async #append(site: Site, stream: string): Promise<void> {
    const n = this.#next.get(stream) ?? 0
    const intent = intentOf(stream, n)
    const key = `${stream} ${n}`
    this.#doubtful.set(stream, intent)
    const startedMs = performance.now()
    const receipt = await site.append(fill(site.transaction(), intent), {
      idempotency: { scope: 'writer', key, requestDigest: key },
      answer: () => ({ status: 201, body: null }),
    })
    this.latenciesMs.push(performance.now() - startedMs)
    this.#doubtful.delete(stream)
    this.#acknowledged.push({ id: receipt.transactionId, seq: receipt.seq, intent })
    this.#next.set(stream, n + 1)
    if (!this.#options.readsBack) return
    const seen = await site.readRow('public.audit', { stream, n })
    if (seen === undefined) this.missed.push(key)
  }
}
