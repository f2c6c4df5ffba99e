import type { ApplierAlarm } from '../applier/applier-options.ts'
import { backoffMs } from '../applier/backoff.ts'
import { messageOf } from '../applier/journal-alarm.ts'
import type { Clock } from '../clock/clock.ts'
import type { Journal, TransactionStatus } from '../journal/journal.ts'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'
import { type EffectProgress, firstProgress, nextStep, oldestNeeded } from './effect-progress.ts'

/**
 * What is to happen outside the database once main has committed a transaction: a file, a mail, a call. It happens at
 * least once: after a crash, or a failure of its own, the same transaction comes again, and `record.id` is the key by
 * which the other side can tell. `signal` ends when the time for it is over or the site stops.
 */
export type Effect = (
  applied: { readonly record: TransactionRecord; readonly status: TransactionStatus },
  signal: AbortSignal,
) => Promise<void>

export interface EffectRunnerOptions {
  readonly journal: Pick<
    Journal,
    'getMany' | 'status' | 'seqsIn' | 'firstSeq' | 'lastSeq' | 'getFact' | 'setFact' | 'sharing'
  >
  readonly clock: Clock
  readonly effect: Effect
  /** Of one effect. Default 60,000. */
  readonly timeoutMs?: number
  /** An effect failed; it is tried again. Raised once until one has succeeded. */
  readonly onAlarm?: (alarm: ApplierAlarm) => void
}

/** What is told of the effects of a site. */
export interface EffectState {
  /** Why the last one failed; undefined when it did not. */
  readonly failure?: string
  /** Since when none has succeeded, on the monotonic clock. */
  readonly failingSinceMs?: number
}

const factName = 'effects'
const retry = { firstMs: 1_000, capMs: 60_000 }
const idleMs = 1_000
/** After a crash the effects of so long may come again, besides the one under way. */
const savedEveryMs = 1_000
/** Of an effect that goes on after its signal has ended. */
const graceMs = 5_000

/**
 * Runs the effect of every transaction that main has applied, one after another in the order of the journal. One that
 * fails is tried again, with a growing pause and for ever: those behind it wait.
 *
 * States: stopped → `start()` → running ⇄ pausing → `stop()` → stopped. Invariant: progress is saved only after the
 * effects it speaks of have succeeded.
 */
export class EffectRunner {
  readonly #options: EffectRunnerOptions
  readonly #stopping = new AbortController()
  #wakeup = new AbortController()
  #running: Promise<void> | undefined
  #progress: EffectProgress | undefined
  #saved: EffectProgress | undefined
  #savedAtMs = 0
  #failures = 0
  #state: EffectState = {}

  constructor(options: EffectRunnerOptions) {
    this.#options = options
  }

  get state(): EffectState {
    return this.#state
  }

  /** The oldest transaction that the journal has to keep. */
  get oldestNeeded(): Seq {
    return oldestNeeded(this.#saved ?? this.#loaded())
  }

  /**
   * To be called before anything can be applied. The very first time the place to begin at is written down: what main
   * had applied before has no effect any more.
   */
  async start(): Promise<void> {
    if (this.#isLeading) await this.#begin()
    this.#running ??= this.#run()
  }

  /** Waits for the effect under way, which its signal asks to end, no longer than a few seconds. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wakeup.abort()
    await this.#running
  }

  /** Something was applied. */
  wake(): void {
    this.#wakeup.abort()
  }

  async #run(): Promise<void> {
    const { clock, onAlarm } = this.#options
    while (!this.#stopping.signal.aborted) {
      try {
        this.#wakeup = new AbortController()
        if (this.#isLeading) await this.#runAll()
        // Another process leads, and goes on from what was saved.
        else this.#progress = undefined
      } catch (error) {
        if (this.#stopping.signal.aborted) return
        if (this.#failures === 0) onAlarm?.(failed(error))
        this.#failures++
        this.#state = {
          failure: messageOf(error),
          failingSinceMs: this.#state.failingSinceMs ?? clock.monotonicMs(),
        }
      }
      await this.#pause()
    }
  }

  async #pause(): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#stopping
    if (signal.aborted) return
    if (this.#failures > 0) await clock.sleep(backoffMs(this.#failures, 1, retry), signal)
    else await clock.sleep(idleMs, this.#wakeup.signal)
  }

  async #runAll(): Promise<void> {
    const { journal } = this.#options
    await this.#begin()
    this.#progress ??= this.#loaded()
    try {
      while (!this.#stopping.signal.aborted) {
        const step = nextStep(this.#progress, (seq) => journal.status(seq).state, journal.lastSeq)
        if (step === undefined) break
        if (step.due !== undefined) await this.#runOne(step.due)
        this.#progress = step.after
        await this.#save(savedEveryMs)
      }
    } finally {
      await this.#save(0)
    }
  }

  async #runOne(seq: Seq): Promise<void> {
    const { journal, effect } = this.#options
    const [record] = await journal.getMany([seq])
    if (record === undefined) return
    await this.#inTime((signal) => effect({ record, status: journal.status(seq) }, signal))
    this.#failures = 0
    this.#state = {}
  }

  /** An effect that does not heed its signal is left behind, and counts as failed. */
  async #inTime(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { clock, timeoutMs = 60_000 } = this.#options
    const over = new AbortController()
    const done = new AbortController()
    const deadline = clock
      .sleep(timeoutMs, AbortSignal.any([done.signal, this.#stopping.signal]))
      .then(() => {
        over.abort()
        return clock.sleep(graceMs, done.signal)
      })
    const late = deadline.then(() => {
      throw new Error(`It was not done within ${timeoutMs} ms.`)
    })
    late.catch(() => undefined)
    try {
      await Promise.race([work(over.signal), late])
    } finally {
      done.abort()
    }
  }

  async #begin(): Promise<void> {
    if (this.#options.journal.getFact(factName) !== undefined) return
    this.#progress = this.#loaded()
    await this.#save(0)
  }

  get #isLeading(): boolean {
    return this.#options.journal.sharing?.isLeading ?? true
  }

  async #save(everyMs: number): Promise<void> {
    const { journal, clock } = this.#options
    const progress = this.#progress
    if (progress === undefined || progress === this.#saved) return
    if (clock.monotonicMs() - this.#savedAtMs < everyMs) return
    await journal.setFact(factName, JSON.stringify(progress))
    this.#saved = progress
    this.#savedAtMs = clock.monotonicMs()
  }

  #loaded(): EffectProgress {
    const { journal } = this.#options
    const saved = journal.getFact(factName)
    if (saved !== undefined) return JSON.parse(saved) as EffectProgress
    const waiting = (['buffered', 'parked', 'rejected'] as const).flatMap((state) => journal.seqsIn(state))
    return firstProgress(waiting, journal.lastSeq)
  }
}

function failed(error: unknown): ApplierAlarm {
  return {
    code: 'effects',
    message: `What is to happen when main has applied a transaction failed: ${messageOf(error)}`,
    hint: 'Mend what it needs. It is tried again by itself; the transactions behind it wait for their turn, and the journal keeps them.',
  }
}
