import type { OutpostError } from '../errors/outpost-error.ts'
import type { TransactionState } from '../transaction/state.ts'
import type {
  Epoch,
  Seq,
  StoredAnswer,
  TransactionDraft,
  TransactionId,
  TransactionRecord,
} from '../transaction/transaction.ts'

/** What is known of one transaction beside its immutable record. */
export interface TransactionStatus {
  readonly state: TransactionState
  /** Applied on main, by main's clock (µs precision text of the ledger row is kept in the ledger itself). */
  readonly appliedAtMs?: number
  /** Refused by main, by main's clock. */
  readonly rejectedAtMs?: number
  readonly replicatedAtMs?: number
  /** Epoch of its ledger row where that is not the one it was recorded in (N2). */
  readonly epoch?: Epoch
  /** Lineage under which main applied it (N4); a row of another lineage confirms nothing. */
  readonly lineage?: string
  /** Position after the commit that made it durable, as text `timeline/LSN`. */
  readonly position?: string
  /** How often main tried it and answered; what the link or main cut short is no attempt (P2). */
  readonly attempts?: number
  readonly sqlstate?: string
  readonly constraint?: string
  readonly detail?: string
  readonly message?: string
  /** Why it is parked: the seqs it waits for, or `stuck`. */
  readonly parkedBy?: readonly Seq[] | 'stuck'
  /** The decision about it, once there is one (N3). */
  readonly decidedBy?: Seq
  /** Applied, but by the table's conflict policy something of it gave way to what main had. */
  readonly isOverruled?: boolean
  /** How often main lost it and it was applied again. */
  readonly redriven?: number
}

/** A change of status for a run of consecutive seqs (inclusive): batches are stored as runs, not row by row. */
export interface StatusChange {
  readonly from: Seq
  readonly to: Seq
  readonly status: TransactionStatus
}

export interface IdempotentHit {
  readonly transactionId: TransactionId
  readonly requestDigest: string
  readonly answer: StoredAnswer
}

export interface EpochRange {
  readonly epoch: Epoch
  /** First seq given out in this epoch. */
  readonly from: Seq
}

export interface JournalStatistics {
  readonly bytes: number
  readonly firstSeq: Seq
  readonly lastSeq: Seq
  readonly counts: Readonly<Record<TransactionState, number>>
}

/** Under which an append is stored. */
export interface AppendCondition {
  /**
   * The newest seq that was folded before the transaction was checked. Where several processes share the journal, the
   * append fails with `journal_overtaken` when a later record writes what this one writes or refers to (N22).
   */
  readonly checkedThrough?: Seq
  /** It may use the room that is kept for critical writes when the rest is used up. Default false. */
  readonly isCritical?: boolean
}

/** The journal that the processes of a site share on their own machine while their store is away, full or has lost something. */
export interface JournalFallback {
  /** Whether what is recorded goes there. */
  readonly isInUse: boolean
  /** Since when it does, or does not, wall clock. */
  readonly sinceMs: number
  /** Why the store was left; empty while the fallback is not in use. */
  readonly reason: string
  /** Transactions that were recorded there since. */
  readonly recorded: number
  readonly folder: string
  /** Why the site cannot go back, or the fallback not be written; undefined when nothing is wrong. */
  readonly trouble: string | undefined
}

/** What there is beside where several processes of a site share one journal. One at a time leads. */
export interface JournalSharing {
  /** Whether this process drains the journal and writes statuses, facts and epochs; others get `not_leading`. */
  readonly isLeading: boolean
  /** Whether the store answers at this moment. */
  readonly isConnected: boolean
  /** What there is for when the store is away; undefined where there is nothing. */
  readonly fallback?: JournalFallback | undefined
  onLead(listener: (isLeading: boolean) => void): () => void
  /**
   * Called with the changes of status that other processes made, in their order and after the records they speak of.
   * `catchUp` resolves only after it has; what it throws is given again then.
   */
  onStatus(listener: (changes: readonly StatusChange[]) => void | Promise<void>): () => void
}

/**
 * A site's durable, ordered log of transactions.
 *
 * States: open → (failed) → stopped. Invariant: `append` resolves only after the record is on stable storage
 * (P1); records are dense in `seq` and never change; a status may be lost by a crash, because the ledger on main
 * is the authority and the site asks it again (N6).
 */
export interface Journal {
  readonly epoch: Epoch
  readonly epochs: readonly EpochRange[]
  /** What is promised of an acknowledged write: `full`, or `relaxed` with what may be lost. */
  readonly durability: 'full' | 'relaxed'
  /** Undefined for a journal that one process has to itself. */
  readonly sharing?: JournalSharing
  /**
   * Durably appends in call order; concurrent calls share one sync. Listeners of {@link onDurable} have run when
   * it resolves. Errors: `journal_full`, `journal_failed` (final: no later append succeeds), `site_stopped`; of a
   * shared journal also `journal_unavailable` and `journal_overtaken`.
   */
  append(draft: TransactionDraft, condition?: AppendCondition): Promise<TransactionRecord>
  /** Called in seq order, synchronously, once the records are durable and before their appends resolve. */
  onDurable(listener: (records: readonly TransactionRecord[]) => void): () => void
  /** N23: with several processes on one journal, folds what others appended; at once when there is one. */
  catchUp(): Promise<void>
  /** The records of these seqs, in the given order; a seq that was dropped is left out. */
  getMany(seqs: readonly Seq[]): Promise<readonly TransactionRecord[]>
  /** Records from `from` in order, in chunks of bounded bytes; ends at the newest durable record. */
  scan(from: Seq, options?: { readonly chunkBytes?: number }): AsyncIterable<readonly TransactionRecord[]>
  findById(id: TransactionId): Promise<TransactionRecord | undefined>
  findIdempotent(scope: string, key: string): Promise<IdempotentHit | undefined>
  status(seq: Seq): TransactionStatus
  /** Seqs in this state, ascending, at most `limit` after `after`. */
  seqsIn(state: TransactionState, options?: { readonly after?: Seq; readonly limit?: number }): readonly Seq[]
  /**
   * Refuses a transition that is not in the table (`transition_refused`): then none of the changes is made. A state
   * may be confirmed with further details; details known before stay, except on a return to `buffered`. Written
   * without waiting for a sync of its own.
   */
  setStatus(changes: readonly StatusChange[]): Promise<void>
  /**
   * Moves records that nobody needs any more (retained, resolved, discarded, superseded) out for good; their
   * idempotency answers stay 7 days (N22). Refuses any other state with `transition_refused`.
   */
  drop(through: Seq): Promise<void>
  /** Opens a new epoch (N2): later appends carry it. Durable when it resolves. */
  openEpoch(): Promise<Epoch>
  /** Small durable facts of the site: lineage, told row, catalog version. Keys are short names. */
  getFact(name: string): string | undefined
  setFact(name: string, value: string): Promise<void>
  readonly firstSeq: Seq
  readonly lastSeq: Seq
  statistics(): JournalStatistics
  /** Why an append would be refused at this moment; undefined when it would be taken. */
  appendRefusal?(): OutpostError | undefined
  /** Bytes that the disk still has for records; left out where the journal keeps none on a disk of its own. */
  diskRoomBytes?(): number
  /** Idempotent; waits for appends under way, then closes. */
  stop(): Promise<void>
}

/** What can be asked of a journal without being its writer. */
export type JournalReader = Pick<
  Journal,
  | 'epochs'
  | 'getMany'
  | 'scan'
  | 'findById'
  | 'findIdempotent'
  | 'status'
  | 'seqsIn'
  | 'getFact'
  | 'firstSeq'
  | 'lastSeq'
  | 'statistics'
  | 'stop'
>
