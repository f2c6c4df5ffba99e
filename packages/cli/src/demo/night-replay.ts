import { type NightAnswers, type NightReference, type NightStep, planNight } from '@outpost/ops-db-api/setup'
import { type Clock, OutpostError, systemClock } from 'outpost'
import { callSite, type SiteAddress } from '../site/site-client.ts'
import { isWorthRetrying, retryDelayMs, stepDueMs } from './night-pace.ts'

export interface NightProgress {
  readonly unitsDone: number
  readonly units: number
  readonly files: number
}

export interface NightReplayOptions {
  readonly site: SiteAddress
  readonly seed: number
  /** How long the replay takes when nothing holds it up. Default 90,000. */
  readonly durationMs?: number
  readonly clock?: Clock
  /** Told once when the night is over or could not go on, in words. */
  readonly onEnd: (text: string) => void
}

/** The night ends when the replay begins, so that what is recorded during the demo is always the newest. */
const nightMs = 11 * 3_600_000 + 40 * 60_000

/**
 * Replays a night of observing through the observatory's API, one call after the other.
 *
 * States: idle → replaying → over. Invariant: every call carries its own Idempotency-Key and is sent again until the
 * site has answered it, so that a site that is killed meanwhile records each thing once.
 */
export class NightReplay {
  readonly #options: NightReplayOptions
  readonly #clock: Clock
  readonly #stopping = new AbortController()
  #progress: NightProgress = { unitsDone: 0, units: 0, files: 0 }
  #work: Promise<void> = Promise.resolve()

  constructor(options: NightReplayOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  get progress(): NightProgress {
    return this.#progress
  }

  start(): void {
    this.#work = this.#replay().then(
      (text) => this.#options.onEnd(text),
      (error: unknown) =>
        this.#options.onEnd(`The night stopped: ${error instanceof Error ? error.message : String(error)}`),
    )
  }

  /** Ends the replay after the call under way. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#work
  }

  async #replay(): Promise<string> {
    const reference = await this.#repeat(() => this.#fetchReference())
    if (!reference) return 'The night was not begun.'
    const now = this.#clock.nowMs()
    const steps = planNight({
      ...reference,
      seed: this.#options.seed,
      sunsetMs: now - nightMs,
      sunriseMs: now,
    })
    this.#progress = { ...this.#progress, units: steps.filter(isFinish).length }
    const startedAtMs = this.#clock.monotonicMs()
    const answers: Record<string, NightAnswers[string]> = {}
    for (const [index, step] of steps.entries()) {
      const dueMs = startedAtMs + stepDueMs(index, steps.length, this.#options.durationMs ?? 90_000)
      await this.#clock.sleep(Math.max(0, dueMs - this.#clock.monotonicMs()), this.#stopping.signal)
      const answer = await this.#repeat(() => this.#send(step, answers))
      if (!answer) return `The night was ended after ${this.#progress.unitsDone} units.`
      if (step.as !== undefined) answers[step.as] = answer
      this.#count(step, answer)
    }
    return `The night is over: ${this.#progress.unitsDone} units, ${this.#progress.files} files.`
  }

  #count(step: NightStep, answer: StepAnswer): void {
    const { units, unitsDone, files } = this.#progress
    this.#progress = {
      units,
      unitsDone: unitsDone + (isFinish(step) ? 1 : 0),
      files: files + (answer.ids?.length ?? 0),
    }
  }

  #send(step: NightStep, answers: NightAnswers): Promise<StepAnswer> {
    return callSite(this.#options.site, step.path(answers), {
      method: step.method,
      body: step.body(answers),
      idempotencyKey: step.idempotencyKey,
    }) as Promise<StepAnswer>
  }

  async #fetchReference(): Promise<NightReference> {
    const [units, modules, locations] = await Promise.all(
      ['obs_units', 'instrument_modules', 'data_locations'].map(async (name) => {
        const page = await callSite(this.#options.site, `/${name}?limit=200`)
        return (page as { readonly items: readonly unknown[] }).items
      }),
    )
    return { units, modules, locations } as NightReference
  }

  /** Repeats a call while the site is away; undefined when the replay is stopped, raises what waiting cannot cure. */
  async #repeat<Answer>(call: () => Promise<Answer>): Promise<Answer | undefined> {
    const { signal } = this.#stopping
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        return await call()
      } catch (error) {
        if (!(error instanceof OutpostError) || !isWorthRetrying(error)) throw error
        await this.#clock.sleep(retryDelayMs(attempt), signal)
      }
    }
    return undefined
  }
}

interface StepAnswer {
  readonly id?: string
  readonly ids?: readonly string[]
}

function isFinish(step: NightStep): boolean {
  return step.label.startsWith('finish ')
}
