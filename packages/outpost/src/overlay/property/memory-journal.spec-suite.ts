import type { Journal } from '../../journal/journal.ts'
import type { Operation } from '../../transaction/operation.ts'
import type { TransactionState } from '../../transaction/state.ts'
import type { Seq, TransactionRecord } from '../../transaction/transaction.ts'

export const epoch = '00000000-0000-4000-8000-000000000001'

/** What the overlay asks of a journal, in memory: for tests that are about reading. */
export class MemoryJournal implements Pick<Journal, 'getMany' | 'status' | 'seqsIn' | 'epochs'> {
  readonly epochs = [{ epoch, from: 1 }]
  readonly records: TransactionRecord[] = []
  readonly #states = new Map<Seq, TransactionState>()
  readonly #first: Seq

  /** `first` is the seq of the first record: those before are long gone. */
  constructor(first: Seq = 1) {
    this.#first = first
  }

  add(...operations: readonly Operation[]): TransactionRecord {
    const seq = this.#first + this.records.length
    const record: TransactionRecord = {
      seq,
      epoch,
      id: `00000000-0000-7000-8000-${String(seq).padStart(12, '0')}`,
      operations,
      digest: '',
      writes: [],
      references: [],
      dependsOn: [],
      catalogVersion: '',
      flags: [],
      bufferedAtMs: 0,
    }
    this.records.push(record)
    return record
  }

  setState(seq: Seq, state: TransactionState): void {
    this.#states.set(seq, state)
  }

  async getMany(seqs: readonly Seq[]): Promise<readonly TransactionRecord[]> {
    return seqs.flatMap((seq) => this.records[seq - this.#first] ?? [])
  }

  status(seq: Seq): { state: TransactionState } {
    return { state: this.#states.get(seq) ?? 'buffered' }
  }

  seqsIn(state: TransactionState): readonly Seq[] {
    return [...this.#states].flatMap(([seq, own]) => (own === state ? [seq] : []))
  }
}
