import type { Seq } from '../transaction/transaction.ts'

/** A transaction that failed this often alone is stuck (N11). */
const stuckAfter = 5

/** Transactions that failed alone, for a reason that is not the link's: one that keeps doing so is to blame (N11). */
export class Suspects {
  readonly #failures = new Map<Seq, number>()

  /** It failed once more; true when it has failed so often that it is to blame. */
  failedAlone(seq: Seq): boolean {
    const failures = (this.#failures.get(seq) ?? 0) + 1
    if (failures < stuckAfter) this.#failures.set(seq, failures)
    else this.#failures.delete(seq)
    return failures >= stuckAfter
  }

  /** Main answered about these: whatever it said, they do not fail. */
  clear(seqs: readonly Seq[]): void {
    if (this.#failures.size > 0) for (const seq of seqs) this.#failures.delete(seq)
  }
}
