import type { Seq } from '../transaction/transaction.ts'

/**
 * How far this process has sent its journal to main: no node can show what is newer.
 *
 * Invariant: that holds because nobody else sends from this journal, which is so for one that is locked by its process
 * (LMDB). Where several processes share a journal (N23) the mark is no bound: another may have sent what this one reads
 * as `buffered` still, so that not even statuses tell. There every transaction counts as sent: the overlay gets no mark (`openSite`).
 */
export class SentMark {
  #through: Seq = 0

  get through(): Seq {
    return this.#through
  }

  note(newest: Seq): void {
    this.#through = Math.max(this.#through, newest)
  }
}
