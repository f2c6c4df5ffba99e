import type { Clock } from '../../clock/clock.ts'

export interface LeadOptions {
  readonly clock: Clock
  /** Takes or keeps the lead; answers its term, undefined when another process has it. */
  readonly take: () => Promise<number | undefined>
  readonly renewMs: number
}

/**
 * Whether this process is the one that drains the journal and writes statuses. States: following ⇄ leading; `stop()`
 * ends it. A process that cannot ask goes on as it is: main's fence (N8) and Redis refuse a leader of the past.
 */
export class Lead {
  readonly #options: LeadOptions
  readonly #listeners = new Set<(isLeading: boolean) => void>()
  readonly #stopping = new AbortController()
  #term: number | undefined
  #running: Promise<void> | undefined
  #woken = new AbortController()

  constructor(options: LeadOptions) {
    this.#options = options
  }

  get isLeading(): boolean {
    return this.#term !== undefined
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Something has happened that may have freed the lead. */
  wake(): void {
    if (!this.isLeading) this.#woken.abort()
  }

  onChange(listener: (isLeading: boolean) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Redis has named the term of this process, or that another leads. */
  note(term: number | undefined): void {
    const before = this.#term
    if (term === before) return
    // Somebody has led in between: what this process knows of its own lead is over.
    const isInterrupted = before !== undefined && term !== undefined && term > before + 1
    if (isInterrupted) this.#change(undefined)
    this.#change(term)
  }

  /** Asks once; errors are those of Redis. */
  async ask(): Promise<void> {
    this.note(await this.#options.take())
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#woken.abort()
    await this.#running
  }

  #change(term: number | undefined): void {
    const wasLeading = this.isLeading
    this.#term = term
    if (wasLeading === this.isLeading) return
    for (const listener of this.#listeners) listener(this.isLeading)
  }

  async #run(): Promise<void> {
    const { clock, renewMs } = this.#options
    while (!this.#stopping.signal.aborted) {
      this.#woken = new AbortController()
      await clock.sleep(renewMs, this.#woken.signal)
      if (this.#stopping.signal.aborted) return
      // A Redis that is away is the link's news; it is asked again in its turn.
      await this.ask().catch(() => undefined)
    }
  }
}
