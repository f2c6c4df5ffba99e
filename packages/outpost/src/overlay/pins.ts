import type { Clock } from '../clock/clock.ts'
import type { Seq } from '../transaction/transaction.ts'
import type { OverlayPin } from './overlay.ts'

interface Removal {
  readonly seqs: readonly Seq[]
  /** Pins up to this number still need them. */
  readonly neededBy: number
}

/**
 * Statements and fixed snapshots under way (N16). What is taken out while one is open is removed when the last that
 * was open then has ended; a pin that is not released ends at its deadline.
 */
export class Pins {
  readonly #clock: Clock
  readonly #remove: (seqs: readonly Seq[]) => void
  /** By number, ascending; the end of each that has a deadline. */
  readonly #open = new Map<number, AbortController | undefined>()
  readonly #numbers = new WeakMap<OverlayPin, number>()
  #removals: Removal[] = []
  #last = 0

  constructor(clock: Clock, remove: (seqs: readonly Seq[]) => void) {
    this.#clock = clock
    this.#remove = remove
  }

  /** Keeps version `version` readable until it is released or the deadline passes. */
  open(version: Seq, deadlineMs: number): OverlayPin {
    const number = ++this.#last
    const end = new AbortController()
    this.#open.set(number, end)
    const release = (): void => this.#close(number)
    void this.#clock.sleep(deadlineMs, end.signal).then(release)
    const pin = { version, release }
    this.#numbers.set(pin, number)
    return pin
  }

  /** For one statement: no deadline, because the statement ends it. Answers the release. */
  hold(): () => void {
    const number = ++this.#last
    this.#open.set(number, undefined)
    return () => this.#close(number)
  }

  /** False once the pin was released or its deadline passed. */
  isOpen(pin: OverlayPin): boolean {
    const number = this.#numbers.get(pin)
    return number !== undefined && this.#open.has(number)
  }

  /** Whether a fixed snapshot is under way. */
  get hasSnapshots(): boolean {
    return [...this.#open.values()].some((end) => end !== undefined)
  }

  /** Removes now, or when all that are open have ended. */
  defer(seqs: readonly Seq[]): void {
    if (this.#open.size === 0 && this.#removals.length === 0) this.#remove(seqs)
    else this.#removals.push({ seqs, neededBy: this.#last })
  }

  /** These stay after all: they were put back before they had gone. */
  keep(seqs: ReadonlySet<Seq>): void {
    this.#removals = this.#removals.map((removal) => ({
      ...removal,
      seqs: removal.seqs.filter((seq) => !seqs.has(seq)),
    }))
  }

  #close(number: number): void {
    this.#open.get(number)?.abort()
    this.#open.delete(number)
    if (this.#removals.length === 0) return
    const oldest = this.#open.keys().next().value ?? Number.POSITIVE_INFINITY
    while (this.#removals[0] && this.#removals[0].neededBy < oldest)
      this.#remove(this.#removals.shift()!.seqs)
  }
}
