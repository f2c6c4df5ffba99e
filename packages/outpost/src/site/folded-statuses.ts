import type { Journal, StatusChange } from '../journal/journal.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'
import { inCommitOrder } from './confirmed-order.ts'

export interface FoldedStatusesOptions {
  readonly journal: Journal
  /** Main has lost them, and they are sent again. */
  readonly onLost: (records: readonly TransactionRecord[]) => void
  /** Read on the replica by the process that leads: they leave the overlay, late as ever (E10). */
  readonly onConfirmed: (seqs: readonly Seq[]) => void
  readonly onStatus: (changes: readonly StatusChange[]) => void
}

/** Records put back at once. */
const chunkSize = 1_000

/**
 * Takes in what another process of the site, which leads, has found out about transactions (N23): for the overlay and
 * for those who wait here it must be as if this process had found it out itself. What was decided leaves the overlay with
 * the decision's own record.
 */
export class FoldedStatuses {
  readonly #options: FoldedStatusesOptions

  constructor(options: FoldedStatusesOptions) {
    this.#options = options
  }

  /** In the order in which they were made. Errors are those of the journal; then nothing is lost by calling it again. */
  async take(changes: readonly StatusChange[]): Promise<void> {
    for (const { state, from, to, redriven } of sameInARow(changes)) {
      const seqs = Array.from({ length: to - from + 1 }, (_, index) => from + index)
      if (state === 'replicated') this.#options.onConfirmed(inCommitOrder(seqs, this.#options.journal))
      // Main has lost it: before any later read it shadows the nodes again (P8).
      else if (state === 'buffered' && redriven) await this.#putBack(seqs)
    }
    this.#options.onStatus(changes)
  }

  /** Newest first: at every moment the overlay then holds all that is newer than its floor. */
  async #putBack(seqs: readonly Seq[]): Promise<void> {
    const { journal, onLost } = this.#options
    for (let end = seqs.length; end > 0; end -= chunkSize) {
      onLost(await journal.getMany(seqs.slice(Math.max(0, end - chunkSize), end)))
    }
  }
}

interface Run {
  readonly state: TransactionState
  readonly redriven: boolean
  readonly from: Seq
  to: Seq
}

/** Changes to one state that follow each other become one, where their seqs do. Pure. */
function sameInARow(changes: readonly StatusChange[]): readonly Run[] {
  const runs: Run[] = []
  for (const { from, to, status } of changes) {
    const { state } = status
    const redriven = status.redriven !== undefined
    const last = runs.at(-1)
    if (last !== undefined && last.state === state && last.redriven === redriven && last.to + 1 === from)
      last.to = to
    else runs.push({ state, redriven, from, to })
  }
  return runs
}
