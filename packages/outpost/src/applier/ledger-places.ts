import type { Journal } from '../journal/journal.ts'
import { epochOf } from '../journal/ledger-epoch.ts'
import type { Epoch, Seq } from '../transaction/transaction.ts'
import type { SentTransaction } from './batch.ts'
import type { EpochMoves } from './epoch-moves.ts'
import type { LedgerPlace, OutcomeRun } from './main-session.ts'

/** Where transactions stand in main's ledger, as far as the site was told. */
export class LedgerPlaces {
  readonly #journal: Pick<Journal, 'epochs'>
  readonly #moves: EpochMoves
  /** Last ledger row that the site knows main to have (N6). */
  told: LedgerPlace | undefined

  constructor(journal: Pick<Journal, 'epochs'>, moves: EpochMoves) {
    this.#journal = journal
    this.#moves = moves
  }

  /** Takes in what one CALL came to. */
  note(sent: readonly SentTransaction[], outcomes: readonly OutcomeRun[]): void {
    const last = outcomes
      .findLast((run) => run.outcome === 'applied' || run.outcome === 'rejected')
      ?.seqs.at(-1)
    const transaction = sent.find(({ seq }) => seq === last)
    // In an epoch that took over others, a transaction may stand in the ledger under its former place.
    if (transaction === undefined || this.#moves.isTarget(transaction.epoch)) return
    this.told = { epoch: transaction.epoch, seq: transaction.seq }
  }

  /** Undefined where the transaction stands under the epoch that it was recorded in (N2). */
  otherEpoch(seq: Seq, run: OutcomeRun): Epoch | undefined {
    const own = epochOf(this.#journal, seq)
    const epoch = run.epoch ?? this.#moves.current(own)
    return epoch === own ? undefined : epoch
  }
}
