import type { Clock } from '../clock/clock.ts'
import { OutpostError } from '../errors/outpost-error.ts'
import type { NodePool } from './node-pool.ts'

export interface MainLookOptions {
  readonly main: NodePool
  readonly clock: Clock
  readonly intervalMs: number
  /** False while this process has an applier, which knows better. */
  readonly isWanted: () => boolean
  readonly onAnswer: () => void
  readonly onSilence: (reason: string) => void
}

const timeoutMs = 2_000

/**
 * Asks main now and then whether it is there, for a process that sends it nothing because another one of the site does.
 * States: stopped → `start()` → looking ⇄ pausing → `stop()` → stopped.
 */
export class MainLook {
  readonly #options: MainLookOptions
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: MainLookOptions) {
    this.#options = options
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, intervalMs, isWanted } = this.#options
    while (!this.#stopping.signal.aborted) {
      if (isWanted()) await this.#look()
      await clock.sleep(intervalMs, this.#stopping.signal)
    }
  }

  async #look(): Promise<void> {
    const { main, isWanted, onAnswer, onSilence } = this.#options
    try {
      const { rows } = await main.run(
        timeoutMs,
        (client) => client.query('SELECT pg_is_in_recovery() AS waits'),
        {
          insists: true,
        },
      )
      if (rows[0]?.waits === true) throw new OutpostError('main_unreachable', 'Main is in recovery.')
      if (isWanted()) onAnswer()
    } catch (error) {
      if (isWanted()) onSilence(error instanceof Error ? error.message : String(error))
    }
  }
}
