import type { Seq } from '../transaction/transaction.ts'

/** How far this process has sent its journal to main: no node can show what is newer and was recorded by it. */
export class SentMark {
  #through: Seq = 0

  get through(): Seq {
    return this.#through
  }

  note(newest: Seq): void {
    this.#through = Math.max(this.#through, newest)
  }
}
