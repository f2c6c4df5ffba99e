import type { StatusChange } from '../journal/journal.ts'
import type { Epoch, TransactionRecord } from '../transaction/transaction.ts'
import type { ApplierOptions } from './applier-options.ts'
import type { EpochMoves } from './epoch-moves.ts'
import { compareLedger, redrive } from './ledger-comparison.ts'
import type { MainSession } from './main-session.ts'
import type { Parking } from './parking.ts'
import type { Sender } from './sender.ts'
import type { SeqRange } from './seq-ranges.ts'

/** Brings journal and main's ledger together: what main lacks stands in line again, and nothing waits for nothing. */
export class Reconciler {
  readonly #options: ApplierOptions
  readonly #moves: EpochMoves
  readonly #parking: Parking
  readonly #sender: Sender

  constructor(options: ApplierOptions, moves: EpochMoves, parking: Parking, sender: Sender) {
    this.#options = options
    this.#moves = moves
    this.#parking = parking
    this.#sender = sender
  }

  /** Compares everything retained with the ledger (N6); answers how many transactions main had lost. */
  async compare(session: MainSession): Promise<number> {
    const { journal, site } = this.#options
    const { missing, told } = await compareLedger(journal, session, site, this.#moves)
    this.#sender.told = told
    const count = missing.length === 0 ? 0 : await this.#redrive(missing)
    this.#notify(await this.#parking.releaseFree())
    this.#sender.startOver()
    return count
  }

  /** N2: seqs of this epoch stand for other transactions on main; they go under a new epoch, by id. */
  async moveEpoch(taken: Epoch): Promise<void> {
    const fresh = await this.#options.journal.openEpoch()
    await this.#moves.move(taken, fresh)
  }

  /** Stuck transactions whose time has come are tried again (N11). */
  async releaseStuck(): Promise<void> {
    const released = await this.#parking.releaseStuck(this.#options.clock.monotonicMs())
    if (released.length > 0) this.#sender.startOver()
    this.#notify(released)
  }

  async #redrive(missing: readonly SeqRange[]): Promise<number> {
    const { journal, decided, onRedrive } = this.#options
    const note = async (records: readonly TransactionRecord[]) => {
      this.#sender.noteRedriven(records)
      await onRedrive?.(records)
    }
    const count = await redrive(journal, missing, note, decided)
    this.#notify(missing.map(({ from, to }) => ({ from, to, status: { state: 'buffered' as const } })))
    return count
  }

  #notify(changes: readonly StatusChange[]): void {
    if (changes.length > 0) this.#options.onStatus?.(changes)
  }
}
