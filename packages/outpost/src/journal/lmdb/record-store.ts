import type { Database } from 'lmdb'
import { OutpostError } from '../../errors/outpost-error.ts'
import type { Idempotency, Seq, TransactionId, TransactionRecord } from '../../transaction/transaction.ts'
import { epochOf } from '../epoch-table.ts'
import type { EpochRange } from '../journal.ts'
import { decodeRecord } from '../record-codec.ts'
import { type BlockRow, BlockView } from './block.ts'
import { HashIndex } from './hash-index.ts'
import { SeqDirectory } from './seq-directory.ts'
import { hashIdempotency, hashText } from './text-hash.ts'

/**
 * The stored records and the indexes over them. Blocks are LMDB's; what stands in memory is 8 bytes a block and
 * about 11 to 20 bytes a record. Invariant: `firstSeq … lastSeq` are all durable and readable.
 */
export class RecordStore {
  readonly seed: number
  epochs: readonly EpochRange[] = []
  firstSeq: Seq = 1
  lastSeq: Seq = 0
  /** Of all stored blocks. */
  bytes = 0
  readonly #blocks: Database<Buffer, number>
  readonly #directory = new SeqDirectory()
  readonly #byId = new HashIndex()
  readonly #byIdempotency = new HashIndex()

  constructor(blocks: Database<Buffer, number>, seed: number) {
    this.#blocks = blocks
    this.seed = seed
  }

  /** First seqs of the blocks stored at or after `from`. */
  storedBlocks(from: Seq): Iterable<Seq> {
    return this.#blocks.getKeys({ start: from })
  }

  /** Undefined when no block starts at this seq. The view is valid until the next read. */
  view(first: Seq): BlockView | undefined {
    const value = this.#blocks.getBinaryFast(first)
    return value === undefined ? undefined : new BlockView(value)
  }

  /** Takes in a durable block. Rows before {@link firstSeq} were dropped and stay out of the indexes. */
  noteBlock(first: Seq, count: number, bytes: number, row: (index: number) => BlockRow): void {
    for (let index = Math.max(0, this.firstSeq - first); index < count; index += 1) {
      const { idHash, idempotencyHash } = row(index)
      this.#byId.add(idHash, first + index)
      if (idempotencyHash !== 0) this.#byIdempotency.add(idempotencyHash, first + index)
    }
    this.#directory.push(first)
    this.bytes += bytes
    this.lastSeq = first + count - 1
  }

  /** Leaves out what was dropped or is not durable yet. */
  read(seqs: readonly Seq[]): TransactionRecord[] {
    const records: TransactionRecord[] = []
    let first: Seq | undefined
    let view: BlockView | undefined
    for (const seq of seqs) {
      if (!(seq >= this.firstSeq && seq <= this.lastSeq)) continue
      const holder = this.#directory.at(this.#directory.indexOf(seq))
      if (view === undefined || holder !== first) {
        first = holder
        view = this.#need(holder)
      }
      records.push(this.decode(view, first!, seq))
    }
    return records
  }

  /** Records from `from` on, until their blocks exceed `maxBytes`; empty at the end. */
  readFrom(from: Seq, maxBytes: number): TransactionRecord[] {
    const records: TransactionRecord[] = []
    let seq = Math.max(from, this.firstSeq)
    let bytes = 0
    while (seq <= this.lastSeq && bytes < maxBytes) {
      const first = this.#directory.at(this.#directory.indexOf(seq))
      const view = this.#need(first)
      for (const end = first! + view.count; seq < end; seq += 1) records.push(this.decode(view, first!, seq))
      bytes += view.bytes
    }
    return records
  }

  findById(id: TransactionId): TransactionRecord | undefined {
    return this.#find(this.#byId, hashText(this.seed, id), (record) => record.id === id)
  }

  findIdempotent(scope: string, key: string): TransactionRecord | undefined {
    const isWanted = (idempotency: Idempotency | undefined) =>
      idempotency?.scope === scope && idempotency.key === key
    return this.#find(this.#byIdempotency, hashIdempotency(this.seed, scope, key), (record) =>
      isWanted(record.idempotency),
    )
  }

  /** The records of `firstSeq … through` that carry an Idempotency-Key. */
  idempotentThrough(through: Seq): TransactionRecord[] {
    const records: TransactionRecord[] = []
    this.#eachBlock(through, (first, view) => {
      const end = Math.min(first + view.count - 1, through)
      for (let seq = Math.max(first, this.firstSeq); seq <= end; seq += 1) {
        if (view.row(seq - first).idempotencyHash !== 0) records.push(this.decode(view, first, seq))
      }
    })
    return records
  }

  /**
   * What dropping `firstSeq … through` means. `blocks` hold nothing else and are to be removed from the store; once
   * that is durable, `forget` takes the records out of memory.
   */
  planDrop(through: Seq): { readonly blocks: readonly Seq[]; readonly forget: () => void } {
    const rows: { readonly seq: Seq; readonly row: BlockRow }[] = []
    const blocks: Seq[] = []
    let bytes = 0
    this.#eachBlock(through, (first, view) => {
      const end = Math.min(first + view.count - 1, through)
      for (let seq = Math.max(first, this.firstSeq); seq <= end; seq += 1)
        rows.push({ seq, row: view.row(seq - first) })
      if (first + view.count - 1 > through) return
      blocks.push(first)
      bytes += view.bytes
    })
    return { blocks, forget: () => this.#forget(through, rows, blocks.length, bytes) }
  }

  #forget(
    through: Seq,
    rows: readonly { readonly seq: Seq; readonly row: BlockRow }[],
    blocks: number,
    bytes: number,
  ): void {
    for (const { seq, row } of rows) {
      this.#byId.remove(row.idHash, seq)
      if (row.idempotencyHash !== 0) this.#byIdempotency.remove(row.idempotencyHash, seq)
    }
    for (let count = 0; count < blocks; count += 1) this.#directory.dropOldest()
    this.bytes -= bytes
    this.firstSeq = through + 1
  }

  decode(view: BlockView, first: Seq, seq: Seq): TransactionRecord {
    const index = seq - first
    try {
      return decodeRecord(view.body(index), seq, epochOf(this.epochs, seq), view.row(index).bufferedAtMs)
    } catch (cause) {
      throw new OutpostError('journal_corrupt', `Record ${seq} of the journal is not readable`, { cause })
    }
  }

  #find(
    index: HashIndex,
    hash: number,
    isWanted: (record: TransactionRecord) => boolean,
  ): TransactionRecord | undefined {
    let found: TransactionRecord | undefined
    index.find(hash, this.lastSeq, (seq) => {
      const record = this.read([seq])[0]
      if (record === undefined || !isWanted(record)) return false
      found = record
      return true
    })
    return found
  }

  /** The blocks that hold `firstSeq … through`, oldest first. */
  #eachBlock(through: Seq, visit: (first: Seq, view: BlockView) => void): void {
    for (let seq = this.firstSeq; seq <= through; ) {
      const first = this.#directory.at(this.#directory.indexOf(seq))
      const view = this.#need(first)
      visit(first!, view)
      seq = first! + view.count
    }
  }

  #need(first: Seq | undefined): BlockView {
    const view = first === undefined ? undefined : this.view(first)
    if (view === undefined)
      throw new OutpostError('journal_corrupt', `The block ${first} of the journal is missing`)
    return view
  }
}
