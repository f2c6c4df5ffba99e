import type { Seq } from '../transaction/transaction.ts'

/** A transaction that failed this often alone is stuck (N11). */
const stuckAfter = 5
/**
 * As often as this main, greeted a moment before, was lost with it under way: it breaks what it meets, or the link never
 * lives long enough for it. Either way the others would wait for ever.
 */
const stuckAfterLosses = 20

/** Transactions that failed alone: one that keeps doing so, while main answers otherwise, is to blame (N11). */
export class Suspects {
  /** Each failure weighs as many as it takes losses, and the reverse. */
  readonly #blames = new Map<Seq, number>()

  /** It failed once more, or main was lost meanwhile; true when that has happened so often that it is to blame. */
  failedAlone(seq: Seq, isMainLost: boolean): boolean {
    const blame = (this.#blames.get(seq) ?? 0) + (isMainLost ? stuckAfter : stuckAfterLosses)
    const isToBlame = blame >= stuckAfter * stuckAfterLosses
    if (isToBlame) this.#blames.delete(seq)
    else this.#blames.set(seq, blame)
    return isToBlame
  }

  /** Main answered about these: whatever it said, they do not fail. */
  clear(seqs: readonly Seq[]): void {
    if (this.#blames.size > 0) for (const seq of seqs) this.#blames.delete(seq)
  }
}
