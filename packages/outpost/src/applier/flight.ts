import type { FormedBatch } from './batch-draft.ts'
import type { ApplyAnswer } from './main-session.ts'

/** One CALL that was sent and is not booked yet. */
export interface UnderWay {
  readonly batch: FormedBatch
  readonly number: number
  readonly isRedriven: boolean
  readonly sentMs: number
  /** It was sent while another one was under way. */
  readonly isBehind: boolean
  readonly answering: Promise<ApplyAnswer>
}

/**
 * The CALLs under way, in the order in which they were sent, which is that of their answers.
 *
 * Invariant: each behind the first presumes that everything ahead of it is applied, and main does nothing of it where
 * that has not come true. What is committed is therefore always a beginning of what was sent: the ledger grows in the
 * same order as with one CALL at a time, on which floors (N17) and tokens (N21) rest.
 */
export class Flight {
  #calls: readonly UnderWay[] = []
  #number = 0
  #answeredMs = Number.NEGATIVE_INFINITY

  get first(): UnderWay | undefined {
    return this.#calls[0]
  }

  get last(): UnderWay | undefined {
    return this.#calls.at(-1)
  }

  get size(): number {
    return this.#calls.length
  }

  /** Of the next CALL. */
  get nextNumber(): number {
    return this.#number + 1
  }

  add(call: UnderWay): void {
    this.#number = call.number
    this.#calls = [...this.#calls, call]
    // Each is waited for in its turn; until then it may fail unheard.
    call.answering.catch(() => undefined)
  }

  /** The first one was answered at this moment; answers how long that took, counted from the answer before it. */
  landed(nowMs: number): number {
    const startedMs = Math.max(this.first?.sentMs ?? nowMs, this.#answeredMs)
    this.#calls = this.#calls.slice(1)
    this.#answeredMs = nowMs
    return nowMs - startedMs
  }

  /** The connection is lost: nobody knows what main has taken of them. */
  abandon(): void {
    this.#calls = []
  }
}
