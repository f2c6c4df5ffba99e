import { OutpostError } from '../../errors/outpost-error.ts'
import { type TransactionState, transactionStates } from '../../transaction/state.ts'
import type {
  Seq,
  TransactionDraft,
  TransactionId,
  TransactionRecord,
} from '../../transaction/transaction.ts'
import { hitOf, keptAnswerMs } from '../idempotent-hit.ts'
import type {
  EpochRange,
  IdempotentHit,
  JournalReader,
  JournalStatistics,
  TransactionStatus,
} from '../journal.ts'
import { idempotencyDigest } from './keys.ts'
import { findById, findKeyed } from './lua.ts'
import { redisError } from './redis-error.ts'
import { parseEntry } from './replies.ts'
import type { SharedView } from './shared-view.ts'

const defaultChunkBytes = 4 * 2 ** 20
/** Records of one answer. */
const rangeLength = 200
/** Answers waited for at once. */
const rangesAtOnce = 50

export interface ReaderParts {
  readonly view: SharedView
  readonly nowMs: () => number
}

/** What can be asked of a journal in Redis. */
export class RedisReader implements JournalReader {
  protected readonly view: SharedView
  protected isClosed = false
  readonly #parts: ReaderParts

  constructor(parts: ReaderParts) {
    this.#parts = parts
    this.view = parts.view
  }

  get epochs(): readonly EpochRange[] {
    return this.view.mirror.epochs
  }

  get firstSeq(): Seq {
    return this.view.mirror.firstSeq
  }

  get lastSeq(): Seq {
    return this.view.mirror.lastSeq
  }

  async getMany(seqs: readonly Seq[]): Promise<readonly TransactionRecord[]> {
    this.refuseClosed()
    const { firstSeq, lastSeq } = this
    const wanted = [...new Set(seqs)].filter((seq) => seq >= firstSeq && seq <= lastSeq).sort((a, b) => a - b)
    const ranges = rangesOf(wanted)
    const found = new Map<Seq, TransactionRecord>()
    for (let index = 0; index < ranges.length; index += rangesAtOnce) {
      const answers = ranges.slice(index, index + rangesAtOnce).map(({ from, to }) => this.#range(from, to))
      for (const record of (await Promise.all(answers)).flat()) found.set(record.seq, record)
    }
    return seqs.flatMap((seq) => found.get(seq) ?? [])
  }

  async *scan(
    from: Seq,
    options: { readonly chunkBytes?: number } = {},
  ): AsyncGenerator<readonly TransactionRecord[], void, void> {
    const { chunkBytes = defaultChunkBytes } = options
    for (let next = from; ; ) {
      this.refuseClosed()
      const { firstSeq, lastSeq, bytes } = this.view.mirror
      next = Math.max(next, firstSeq)
      if (next > lastSeq) return
      const each = Math.max(1, bytes / (lastSeq - firstSeq + 1))
      const length = Math.min(rangeLength, Math.max(1, Math.floor(chunkBytes / each)))
      const records = await this.#range(next, Math.min(lastSeq, next + length - 1))
      next += length
      if (records.length > 0) yield records
    }
  }

  async findById(id: TransactionId): Promise<TransactionRecord | undefined> {
    this.refuseClosed()
    const [seq] = await this.view.run(findById, [id])
    if (typeof seq !== 'number') return undefined
    // Whoever finds it asks for its status next.
    if (seq > this.lastSeq) await this.view.catchUp()
    return (await this.getMany([seq]))[0]
  }

  async findIdempotent(scope: string, key: string): Promise<IdempotentHit | undefined> {
    this.refuseClosed()
    const [kind, text] = await this.view.run(findKeyed, [idempotencyDigest(scope, key)])
    if (typeof text !== 'string') return undefined
    if (kind === 'record') return hitOf(JSON.parse(text) as TransactionDraft)
    const space = text.indexOf(' ')
    const isExpired = Number(text.slice(0, space)) + keptAnswerMs <= this.#parts.nowMs()
    return isExpired ? undefined : (JSON.parse(text.slice(space + 1)) as IdempotentHit)
  }

  status(seq: Seq): TransactionStatus {
    this.refuseClosed()
    return this.view.mirror.statuses.status(seq)
  }

  seqsIn(
    state: TransactionState,
    options: { readonly after?: Seq; readonly limit?: number } = {},
  ): readonly Seq[] {
    const { after = 0, limit = Number.POSITIVE_INFINITY } = options
    return this.view.mirror.statuses.seqsIn(state, after, limit)
  }

  getFact(name: string): string | undefined {
    return this.view.mirror.facts.get(name)
  }

  statistics(): JournalStatistics {
    const { bytes, firstSeq, lastSeq, statuses } = this.view.mirror
    const counts = Object.fromEntries(transactionStates.map((state) => [state, statuses.count(state)]))
    return { bytes, firstSeq, lastSeq, counts: counts as Record<TransactionState, number> }
  }

  async stop(): Promise<void> {
    this.isClosed = true
    await this.view.link.stop()
  }

  protected refuseClosed(): void {
    if (this.isClosed) throw new OutpostError('site_stopped', 'The journal is closed')
  }

  /** Records with the digests of their Idempotency-Keys; what was dropped meanwhile is left out. */
  protected async entries(from: Seq, to: Seq) {
    try {
      return (await this.view.link.entries(from, to)).map((entry) => parseEntry(entry))
    } catch (error) {
      throw redisError(error)
    }
  }

  async #range(from: Seq, to: Seq): Promise<readonly TransactionRecord[]> {
    const { mirror } = this.view
    return (await this.entries(from, to)).map((entry) => mirror.recordOf(entry))
  }
}

/** Ascending seqs as ranges of bounded length. Pure. */
function rangesOf(seqs: readonly Seq[]): readonly { readonly from: Seq; readonly to: Seq }[] {
  const ranges: { from: Seq; to: Seq }[] = []
  for (const seq of seqs) {
    const last = ranges.at(-1)
    if (last !== undefined && last.to + 1 === seq && seq - last.from < rangeLength) last.to = seq
    else ranges.push({ from: seq, to: seq })
  }
  return ranges
}
