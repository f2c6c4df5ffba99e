import type { Clock } from '../clock/clock.ts'
import type { Journal } from '../journal/journal.ts'
import type { Seq } from '../transaction/transaction.ts'

export interface GatheringOptions {
  readonly journal: Pick<Journal, 'seqsIn'>
  readonly clock: Clock
  /** Between the starts of two CALLs with few transactions; 0 sends at once. */
  readonly gatherMs: number
  /** Through which one what is buffered was looked at: what of it still is waits for something, and not to be sent. */
  readonly reached: () => Seq
}

/** So many are worth a CALL of their own at once: main applies them as one group. */
const enough = 64

/**
 * Lets what is recorded in quick succession go together: twenty CALLs with one transaction each cost main and its
 * replicas several times what one CALL with twenty does. What comes after a pause is never kept waiting.
 */
export class Gathering {
  readonly #options: GatheringOptions
  #sentAtMs = Number.NEGATIVE_INFINITY

  constructor(options: GatheringOptions) {
    this.#options = options
  }

  /** How long to wait for more before the next CALL, in milliseconds. */
  get restMs(): number {
    const { journal, clock, gatherMs, reached } = this.#options
    const restMs = this.#sentAtMs + gatherMs - clock.monotonicMs()
    if (restMs <= 0) return 0
    const waiting = journal.seqsIn('buffered', { after: reached(), limit: enough }).length
    return waiting === 0 || waiting === enough ? 0 : restMs
  }

  /** A CALL began at this moment (monotonic milliseconds). */
  noteSent(startedMs: number): void {
    this.#sentAtMs = startedMs
  }
}
