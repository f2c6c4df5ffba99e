import type { Journal } from '../journal/journal.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'

/** States in which a transaction that main lost may still be, or hold others back. */
const openStates: readonly TransactionState[] = ['buffered', 'parked', 'rejected']
const pageSize = 1_000

/**
 * What main lost and gets again, with the keys that it writes. What followed a lost transaction was recorded when
 * that one counted as applied, so its record does not name it: the dependency is found by key (N9).
 *
 * Invariant: a writer is known until everything that was recorded before the loss was noticed has settled, also
 * across batches and a restart; only then can nobody depend on it unknowingly.
 */
export class RedrivenWork {
  readonly #journal: Journal
  readonly #unsettled = new Set<Seq>()
  /** Seqs of the writers of each key, ascending. */
  readonly #writers = new Map<string, Seq[]>()
  #through: Seq = 0
  #isLoaded = false

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /** Finds again, after a restart, what was on its way; does nothing the next time. */
  async load(): Promise<void> {
    if (this.#isLoaded) return
    for (const state of openStates) {
      for (let after: Seq | undefined = 0; after !== undefined; ) {
        const seqs: readonly Seq[] = this.#journal.seqsIn(state, { after, limit: pageSize })
        const redriven = seqs.filter((seq) => (this.#journal.status(seq).redriven ?? 0) > 0)
        if (redriven.length > 0) this.note(await this.#journal.getMany(redriven))
        after = seqs.length < pageSize ? undefined : seqs.at(-1)
      }
    }
    this.#isLoaded = true
    this.settle()
  }

  /** Takes in transactions that go back in line because main lacks them. */
  note(records: readonly TransactionRecord[]): void {
    this.#through = this.#journal.lastSeq
    for (const record of records) {
      this.#unsettled.add(record.seq)
      for (const key of record.writes) insertSorted(this.#writersOf(key), record.seq)
    }
  }

  /** The newest lost writer of this key before `seq`. */
  newestWriter(key: string, seq: Seq): Seq | undefined {
    return this.#writers.get(key)?.findLast((writer) => writer < seq)
  }

  /** After statuses have changed. */
  settle(): void {
    for (const seq of this.#unsettled)
      if (!this.#isIn(seq, ['buffered', 'parked'])) this.#unsettled.delete(seq)
    if (this.#writers.size > 0 && this.#unsettled.size === 0 && !this.#mayBeDependedOn())
      this.#writers.clear()
  }

  /** Main has a ledger row of everything that it had lost, or somebody has dealt with it. */
  get isSettled(): boolean {
    return this.#isLoaded && this.#unsettled.size === 0
  }

  #mayBeDependedOn(): boolean {
    return (['buffered', 'parked'] as const).some((state) => {
      const first = this.#journal.seqsIn(state, { limit: 1 })[0]
      return first !== undefined && first <= this.#through
    })
  }

  #isIn(seq: Seq, states: readonly TransactionState[]): boolean {
    return states.includes(this.#journal.status(seq).state)
  }

  #writersOf(key: string): Seq[] {
    const known = this.#writers.get(key)
    if (known !== undefined) return known
    const fresh: Seq[] = []
    this.#writers.set(key, fresh)
    return fresh
  }
}

function insertSorted(seqs: Seq[], seq: Seq): void {
  const after = seqs.findLastIndex((each) => each <= seq)
  if (seqs[after] !== seq) seqs.splice(after + 1, 0, seq)
}
