import type { EncodedPlan, PlanEncoder } from '../ledger/encoded-plan.ts'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'
import { type Batch, BatchBuilder, type BatchFacts } from './batch.ts'
import type { BatchSize } from './batch-size.ts'
import { HeldLanes } from './common-lane.ts'
import type { SchemaRef } from './sent-schema.ts'

/**
 * One pass over what is buffered, from batch to batch: what waits is looked at once a pass, however much of it there
 * is, and what stands behind it is reached. A pass that has come to the end goes on with what is appended.
 */
export interface Pass {
  after: Seq
  /** Left in line on purpose: it waits, or what it depends on does. */
  readonly behind: Set<Seq>
  /** Where these keep their place among all others (N10). */
  readonly held: HeldLanes
  isAtEnd: boolean
}

export const newPass = (): Pass => ({ after: 0, behind: new Set(), held: new HeldLanes(), isAtEnd: false })

/** So many are worth a CALL of their own while another is under way, although more may come. */
const worthwhile = 64

export interface FormedBatch extends Batch {
  readonly plan: EncodedPlan
  /** What it might have carried. */
  readonly size: BatchSize
  /** The schema that its operations are of; undefined where none is known. */
  readonly schema: SchemaRef | undefined
}

/**
 * A batch in the making, planned and encoded as its transactions come.
 *
 * States: open → `finish()` → finished, or open → `drop()` → dropped. Invariant: its pass stays where it was until
 * the draft is finished, and a dropped one leaves no trace in it.
 */
export class BatchDraft {
  readonly #pass: Pass
  readonly #builder: BatchBuilder
  readonly #encoder: PlanEncoder
  readonly #size: BatchSize
  readonly #leftBehind: Seq[] = []
  readonly #held: HeldLanes
  readonly #schema: SchemaRef | undefined
  #after: Seq
  #isDropped = false
  isAtEnd = false

  constructor(pass: Pass, size: BatchSize, facts: BatchFacts, encoder: PlanEncoder) {
    this.#pass = pass
    this.#after = pass.after
    this.#encoder = encoder
    this.#size = size
    this.#schema = facts.schema
    const { behind } = pass
    this.#held = new HeldLanes(pass.held)
    const leaveBehind = (seq: Seq) => {
      this.#leftBehind.push(seq)
      return behind.add(seq)
    }
    this.#builder = new BatchBuilder(
      size,
      facts,
      { has: (seq) => behind.has(seq), add: leaveBehind },
      (transaction) => encoder.add(transaction),
      this.#held,
    )
  }

  /** How far in line it has come. */
  get after(): Seq {
    return this.#after
  }

  /** It takes nothing more. */
  get isClosed(): boolean {
    return this.#isDropped || this.#builder.isFull
  }

  get isDropped(): boolean {
    return this.#isDropped
  }

  /** Takes the next record in line; false when there was no room for it. */
  add(record: TransactionRecord): boolean {
    if (!this.#builder.add(record)) return false
    this.#after = record.seq
    return true
  }

  /** It is full, or there is nothing more in line and it is enough. */
  get isWorthwhile(): boolean {
    return this.#builder.isFull || this.#builder.size >= worthwhile
  }

  fits(size: BatchSize): boolean {
    return this.#builder.fits(size)
  }

  finish(): FormedBatch {
    this.#pass.after = this.#after
    this.#pass.isAtEnd = this.isAtEnd
    this.#pass.held.addAll(this.#held)
    return { ...this.#builder.finish(), plan: this.#encoder.finish(), size: this.#size, schema: this.#schema }
  }

  drop(): void {
    this.#isDropped = true
    for (const seq of this.#leftBehind) this.#pass.behind.delete(seq)
  }
}
