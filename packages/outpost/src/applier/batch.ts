import type { PlannedTransaction, WireDecision } from '../ledger/batch-plan.ts'
import type { LiftedRecord } from '../schema/lifter.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { Decision, Epoch, Seq, TransactionRecord } from '../transaction/transaction.ts'
import type { BatchSize } from './batch-size.ts'
import { BatchLanes, HeldLanes, type Touch } from './common-lane.ts'
import type { SchemaRef } from './sent-schema.ts'

export interface BatchFacts {
  stateOf(seq: Seq): TransactionState
  /** True while a transaction waits for its next attempt: it and its cone stay behind. */
  isWaiting(seq: Seq): boolean
  /** True when a missing reference rejects it this time. */
  isLastAttempt(seq: Seq): boolean
  /** The newest transaction before `seq` that writes this key and that main lost; see `RedrivenWork`. */
  redrivenWriter(key: string, seq: Seq): Seq | undefined
  /** What stands in the order for this transaction: the decision about it, else itself (N3). */
  standIn(seq: Seq): Seq
  /** The epoch under which the record is sent (N2). */
  epochOf(record: TransactionRecord): Epoch
  /** The record as main's schema has it, and for which schema that is; left out where no schema is known. */
  readonly schema?: SchemaRef
  readonly lift?: (record: TransactionRecord) => LiftedRecord
}

/** What must be known of a transaction after it was sent. */
export type SentTransaction = Pick<PlannedTransaction, 'seq' | 'epoch' | 'dependsOn'>

export interface Batch {
  readonly transactions: readonly SentTransaction[]
  readonly bytes: number
  /** To be parked, each with the seqs that hold it back. */
  readonly parked: readonly { readonly seq: Seq; readonly by: readonly Seq[] }[]
  /** What the sent ones touch. */
  readonly touched: readonly Touch[]
  /** True when the size kept more from being sent. */
  readonly isFull: boolean
}

/** What an earlier part of the same pass has left in line, and what this one adds to it. */
export type LeftBehind = Pick<Set<Seq>, 'has' | 'add'>

/**
 * Collects one batch from buffered records in journal order. Pure but for what `facts` say.
 * Invariant (P4, P5): nothing is sent ahead of what it depends on; what depends on a rejected or parked transaction
 * is parked; what depends on a waiting one stays behind with it, and so does what is in one common lane with it (N10).
 */
export class BatchBuilder {
  readonly #size: BatchSize
  readonly #facts: BatchFacts
  readonly #send: (transaction: PlannedTransaction) => void
  readonly #transactions: SentTransaction[] = []
  readonly #parked = new Map<Seq, readonly Seq[]>()
  readonly #behind: LeftBehind
  readonly #held: HeldLanes
  readonly #lanes = new BatchLanes()
  readonly #sent = new Set<Seq>()
  #bytes = 0
  #isFull = false

  /** `send` is handed each transaction that goes, in order. */
  constructor(
    size: BatchSize,
    facts: BatchFacts,
    behind: LeftBehind,
    send: (transaction: PlannedTransaction) => void,
    held = new HeldLanes(),
  ) {
    this.#size = size
    this.#facts = facts
    this.#behind = behind
    this.#send = send
    this.#held = held
  }

  get isFull(): boolean {
    return this.#isFull
  }

  /** How many transactions go so far. */
  get size(): number {
    return this.#transactions.length
  }

  fits(size: BatchSize): boolean {
    const { length } = this.#transactions
    return length <= 1 || (length <= size.transactions && this.#bytes <= size.bytes)
  }

  /** Takes the next record; false when the batch is full and the record was not taken. */
  add(recorded: TransactionRecord): boolean {
    const record: LiftedRecord = this.#facts.lift?.(recorded) ?? recorded
    const dependsOn = this.#dependencies(record)
    const blockers = dependsOn.filter((seq) => this.#parked.has(seq) || this.#holdsBack(seq, record.seq))
    if (blockers.length > 0) {
      this.#parked.set(record.seq, blockers)
    } else if (this.#mustStay(record, dependsOn)) {
      this.#behind.add(record.seq)
      this.#held.add(record)
    } else if (!this.#take(record, dependsOn)) {
      return false
    }
    return true
  }

  finish(): Batch {
    return {
      transactions: this.#transactions,
      bytes: this.#bytes,
      parked: [...this.#parked].map(([seq, by]) => ({ seq, by })),
      touched: this.#lanes.taken,
      isFull: this.#isFull,
    }
  }

  #mustStay(record: TransactionRecord, dependsOn: readonly Seq[]): boolean {
    return (
      this.#facts.isWaiting(record.seq) ||
      dependsOn.some((seq) => this.#behind.has(seq)) ||
      this.#held.holds(record)
    )
  }

  #take(record: LiftedRecord, dependsOn: readonly Seq[]): boolean {
    const bytes = approximateBytes(record)
    const isRoom =
      this.#bytes + bytes <= this.#size.bytes && this.#transactions.length < this.#size.transactions
    // One transaction always goes, however large.
    if (!isRoom && this.#transactions.length > 0) {
      this.#isFull = true
      return false
    }
    this.#bytes += bytes
    this.#sent.add(record.seq)
    const { seq, id, digest, bufferedAtMs, operations, decision, actor, stamp, refusal } = record
    const sent: SentTransaction = {
      seq,
      epoch: this.#facts.epochOf(record),
      dependsOn: dependsOn.filter((dependency) => this.#sent.has(dependency)),
    }
    this.#transactions.push(sent)
    const { references, writes } = record
    const followed = this.#lanes.take({ seq, references, writes })
    this.#send({
      ...sent,
      dependsOn: followed.size === 0 ? sent.dependsOn : [...new Set([...sent.dependsOn, ...followed])],
      id,
      digest,
      bufferedAtMs,
      operations,
      ...(refusal !== undefined && { refusal }),
      isLastAttempt: this.#facts.isLastAttempt(seq),
      ...(decision && { decision: wireDecision(decision, actor) }),
      ...(stamp !== undefined && { stamp }),
    })
    return true
  }

  /** Dead, or a decision that stands in for an elder one: what is not applied yet cannot be waited for in passing. */
  #holdsBack(dependency: Seq, seq: Seq): boolean {
    const state = this.#facts.stateOf(dependency)
    return isDead(state) || (dependency > seq && state === 'buffered')
  }

  #dependencies(record: TransactionRecord): readonly Seq[] {
    const found = new Set<Seq>()
    let isAsRecorded = true
    for (const dependency of record.dependsOn) {
      const seq = this.#facts.standIn(dependency)
      isAsRecorded &&= seq === dependency
      found.add(seq)
    }
    for (const key of [...record.writes, ...record.references]) {
      const writer = this.#facts.redrivenWriter(key, record.seq)
      if (writer !== undefined) found.add(this.#facts.standIn(writer))
    }
    // A decision may stand in for what it waited for itself.
    found.delete(record.seq)
    return isAsRecorded && found.size === record.dependsOn.length ? record.dependsOn : [...found]
  }
}

function wireDecision({ kind, on, reason }: Decision, actor: string | undefined): WireDecision {
  return {
    kind,
    on: on.map(({ id }) => id),
    ...(reason !== undefined && { reason }),
    ...(actor !== undefined && { actor }),
  }
}

function isDead(state: TransactionState): boolean {
  return state === 'rejected' || state === 'parked'
}

/** Bytes on the wire, roughly: exact counting would serialise every record twice. */
function approximateBytes(record: TransactionRecord): number {
  let bytes = 160 + 40 * (record.decision?.on.length ?? 0)
  for (const operation of record.operations) {
    bytes += 16
    if (operation.kind !== 'delete')
      bytes += rowBytes(operation.kind === 'insert' ? operation.row : operation.set)
    if (operation.kind !== 'insert') bytes += rowBytes(operation.key) + rowBytes(operation.seen ?? {})
  }
  return bytes
}

function rowBytes(row: Readonly<Record<string, string | null>>): number {
  let bytes = 2
  for (const name in row) bytes += (row[name]?.length ?? 4) + 3
  return bytes
}
