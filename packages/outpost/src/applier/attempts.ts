import type { Clock } from '../clock/clock.ts'
import type { Journal, StatusChange } from '../journal/journal.ts'
import type { Seq } from '../transaction/transaction.ts'

export interface AttemptsOptions {
  readonly journal: Journal
  readonly clock: Clock
  /** Attempts of a missing reference before it counts as wrong. Default 3. */
  readonly retryAttempts?: number | undefined
  /** Between two of them. Default 5,000. */
  readonly retryDelayMs?: number | undefined
}

/** What was told to wait at one time. */
interface Round {
  retryAtMs: number
  /** How many still wait. */
  size: number
}

interface Waiting {
  readonly attempts: number
  readonly round: Round
}

/**
 * How often main has tried each transaction and answered, and when one that lacks a reference is tried again (N9).
 * What the link or main cut short is no attempt, and none counts while attempts are paused for other sites.
 *
 * Invariant: the count of a waiting transaction stands in its status, so that a restart does not begin anew; a crash
 * may lose the newest count, as any status.
 */
export class Attempts {
  readonly #options: AttemptsOptions
  /** Only these can have counts from an earlier run of the process. */
  readonly #recordedThrough: Seq
  readonly #waiting = new Map<Seq, Waiting>()
  /** In order of time, since all wait equally long; asking for the first must not cost more when many wait. */
  readonly #rounds: Round[] = []

  constructor(options: AttemptsOptions) {
    this.#options = options
    this.#recordedThrough = options.journal.lastSeq
  }

  /** Made so far; 0 for one that main has not answered about. */
  made(seq: Seq): number {
    const waiting = this.#waiting.get(seq)
    if (waiting !== undefined) return waiting.attempts
    return seq > this.#recordedThrough ? 0 : (this.#options.journal.status(seq).attempts ?? 0)
  }

  isWaiting(seq: Seq, nowMs: number): boolean {
    return (this.#waiting.get(seq)?.round.retryAtMs ?? 0) > nowMs
  }

  /** True when a reference that is missing now rejects it. */
  isLast(seq: Seq): boolean {
    return this.made(seq) + 1 >= (this.#options.retryAttempts ?? 3)
  }

  /** When the first of them is due, on the monotonic clock. */
  get nextDueMs(): number | undefined {
    while (this.#rounds[0]?.size === 0) this.#rounds.shift()
    return this.#rounds[0]?.retryAtMs
  }

  /** Main lacks what these refer to: they wait for their next attempt. */
  async wait(seqs: readonly Seq[], isPaused: boolean): Promise<void> {
    const { clock, journal, retryDelayMs = 5_000 } = this.#options
    if (seqs.length === 0) return
    const round = { retryAtMs: clock.monotonicMs() + retryDelayMs, size: seqs.length }
    this.#rounds.push(round)
    const changes: StatusChange[] = []
    for (const seq of seqs) {
      const attempts = this.made(seq) + (isPaused ? 0 : 1)
      this.#leaveRound(seq)
      this.#waiting.set(seq, { attempts, round })
      if (!isPaused) changes.push(counted(seq, attempts, journal))
    }
    if (changes.length > 0) await journal.setStatus(changes)
  }

  /** They wait no longer: main has decided, or they are parked. */
  forget(seqs: Iterable<Seq>): void {
    if (this.#waiting.size === 0) return
    for (const seq of seqs) {
      this.#leaveRound(seq)
      this.#waiting.delete(seq)
    }
  }

  /** All of them are tried at once; what was counted stays counted. */
  makeDue(): void {
    for (const round of this.#rounds) round.retryAtMs = 0
  }

  #leaveRound(seq: Seq): void {
    const waiting = this.#waiting.get(seq)
    if (waiting !== undefined) waiting.round.size--
  }
}

function counted(seq: Seq, attempts: number, journal: Journal): StatusChange {
  // A status of `buffered` replaces the one before it; that main had lost it must outlive the count.
  const { redriven } = journal.status(seq)
  const status = { state: 'buffered' as const, attempts, ...(redriven !== undefined && { redriven }) }
  return { from: seq, to: seq, status }
}
