import type { Clock } from '../../clock/clock.ts'
import { OutpostError } from '../../errors/outpost-error.ts'
import { type TransactionState, transactionStates } from '../../transaction/state.ts'
import type { Seq, TransactionId, TransactionRecord } from '../../transaction/transaction.ts'
import { hitOf } from '../idempotent-hit.ts'
import type {
  EpochRange,
  IdempotentHit,
  JournalReader,
  JournalStatistics,
  TransactionStatus,
} from '../journal.ts'
import type { StatusStore } from '../status-store.ts'
import type { Environment } from './environment.ts'
import { KeptAnswers } from './kept-answers.ts'
import type { RecordStore } from './record-store.ts'

const defaultChunkBytes = 4 * 2 ** 20

export interface ReaderParts {
  readonly environment: Environment
  readonly records: RecordStore
  readonly statuses: StatusStore
  readonly facts: Map<string, string>
  readonly clock: Clock
}

/** What can be asked of a journal without writing to it: the whole of a reader, and half of the writer. */
export class LmdbReader implements JournalReader {
  protected readonly parts: ReaderParts
  protected readonly answers: KeptAnswers
  protected isClosed = false

  constructor(parts: ReaderParts) {
    this.parts = parts
    this.answers = new KeptAnswers(parts.environment)
  }

  get epochs(): readonly EpochRange[] {
    return this.parts.records.epochs
  }

  get firstSeq(): Seq {
    return this.parts.records.firstSeq
  }

  get lastSeq(): Seq {
    return this.parts.records.lastSeq
  }

  async getMany(seqs: readonly Seq[]): Promise<readonly TransactionRecord[]> {
    this.refuseClosed()
    return this.parts.records.read(seqs)
  }

  async *scan(
    from: Seq,
    options: { readonly chunkBytes?: number } = {},
  ): AsyncGenerator<readonly TransactionRecord[], void, void> {
    let next = from
    for (;;) {
      this.refuseClosed()
      const records = this.parts.records.readFrom(next, options.chunkBytes ?? defaultChunkBytes)
      const last = records.at(-1)
      if (last === undefined) return
      yield records
      next = last.seq + 1
    }
  }

  async findById(id: TransactionId): Promise<TransactionRecord | undefined> {
    this.refuseClosed()
    return this.parts.records.findById(id)
  }

  async findIdempotent(scope: string, key: string): Promise<IdempotentHit | undefined> {
    this.refuseClosed()
    const record = this.parts.records.findIdempotent(scope, key)
    return record === undefined ? this.answers.find(scope, key, this.parts.clock.nowMs()) : hitOf(record)
  }

  status(seq: Seq): TransactionStatus {
    this.refuseClosed()
    return this.parts.statuses.status(seq)
  }

  seqsIn(
    state: TransactionState,
    options: { readonly after?: Seq; readonly limit?: number } = {},
  ): readonly Seq[] {
    return this.parts.statuses.seqsIn(state, options.after ?? 0, options.limit ?? Number.POSITIVE_INFINITY)
  }

  getFact(name: string): string | undefined {
    return this.parts.facts.get(name)
  }

  statistics(): JournalStatistics {
    const { records, statuses } = this.parts
    const counts = Object.fromEntries(transactionStates.map((state) => [state, statuses.count(state)]))
    return {
      bytes: records.bytes,
      firstSeq: records.firstSeq,
      lastSeq: records.lastSeq,
      counts: counts as Record<TransactionState, number>,
    }
  }

  async stop(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    await this.parts.environment.root.close()
  }

  protected refuseClosed(): void {
    if (this.isClosed) throw new OutpostError('site_stopped', 'The journal is closed')
  }
}
