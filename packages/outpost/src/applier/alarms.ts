import type { ApplierAlarm } from './applier-options.ts'

/** Raises the same alarm once until something succeeded. */
export class Alarms {
  readonly #onAlarm: ((alarm: ApplierAlarm) => void) | undefined
  #last: string | undefined

  constructor(onAlarm: ((alarm: ApplierAlarm) => void) | undefined) {
    this.#onAlarm = onAlarm
  }

  raise(alarm: ApplierAlarm): void {
    if (this.#last !== alarm.code) this.raiseAnew(alarm)
  }

  /** Also when it is the last one again: it is about something else. */
  raiseAnew(alarm: ApplierAlarm): void {
    this.#last = alarm.code
    this.#onAlarm?.(alarm)
  }

  /** Something succeeded, or somebody has acted. */
  settle(): void {
    this.#last = undefined
  }
}
