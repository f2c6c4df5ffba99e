import type { Clock } from '../clock/clock.ts'
import type { ApplierAlarm, ApplierState } from './applier-options.ts'

/** A pause that the applier makes between two contacts. */
export type Rest =
  | { readonly kind: 'wait'; readonly reason: string; readonly ms: number }
  /** Somebody must act. A final one is not over before `resume()`. */
  | {
      readonly kind: 'block'
      readonly alarm: ApplierAlarm
      readonly ms: number
      readonly isFinal: boolean
      /** Called when the state says so, so that whoever hears the alarm may act at once. */
      readonly raise: (alarm: ApplierAlarm) => void
    }

/** What the applier is doing, and every pause that it makes. Invariant: a pause ends early by what its state allows. */
export class Activity {
  readonly #clock: Clock
  #state: ApplierState = { kind: 'stopped' }
  #wakeup = new AbortController()
  #isEnding = false
  #isWoken = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get state(): ApplierState {
    return this.#state
  }

  /** Something was appended since the present turn began. */
  get isWoken(): boolean {
    return this.#isWoken
  }

  /** The applier was told to stop: no pause lasts any more. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  start(): void {
    this.#isEnding = false
    this.#state = { kind: 'waiting', reason: 'no contact yet' }
  }

  /** Ends every pause, this one and later ones. */
  end(): void {
    this.#isEnding = true
    this.#wakeup.abort()
  }

  stopped(): void {
    this.#state = { kind: 'stopped' }
  }

  /** A turn of work begins: from now on it counts as woken what is appended. */
  beginTurn(): void {
    this.#isWoken = false
    this.#state = { kind: 'running' }
  }

  beginIdle(): void {
    this.#state = { kind: 'idle' }
  }

  /** Something was appended: an idle pause is over. */
  wake(): void {
    this.#isWoken = true
    if (this.#state.kind === 'idle') this.#wakeup.abort()
  }

  /** The cause of a block is mended: whatever pause there is, is over. */
  resume(): void {
    this.#state = { kind: 'waiting', reason: 'resumed' }
    this.#wakeup.abort()
  }

  async pause(ms: number): Promise<void> {
    if (this.#isEnding) return
    this.#wakeup = new AbortController()
    await this.#clock.sleep(ms, this.#wakeup.signal)
  }

  async rest(rest: Rest): Promise<void> {
    if (rest.kind === 'wait') {
      this.#state = { kind: 'waiting', reason: rest.reason }
      return await this.pause(rest.ms)
    }
    const { alarm, ms, isFinal } = rest
    const blocked: ApplierState = { kind: 'blocked', alarm, isFinal }
    this.#state = blocked
    rest.raise(alarm)
    let isOver = this.#state !== blocked
    while (!isOver && !this.#isEnding) {
      await this.pause(ms)
      isOver = !isFinal || this.#state !== blocked
    }
  }
}
