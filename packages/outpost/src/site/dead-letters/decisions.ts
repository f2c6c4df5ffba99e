import { type Decided, standInOf } from '../../applier/stand-ins.ts'
import type { Journal, StatusChange } from '../../journal/journal.ts'
import { endState, waysTo } from '../../transaction/decided-state.ts'
import type { TransactionState } from '../../transaction/state.ts'
import type { Seq, TransactionRecord } from '../../transaction/transaction.ts'

/**
 * What operators have decided (N3), known from the moment when it is durable: before the statuses say so, and also
 * where a crash has lost these.
 *
 * Invariant: holds every decision that is not settled; of older ones the journal's statuses tell.
 */
export class Decisions implements Decided {
  readonly #journal: () => Pick<Journal, 'status' | 'setStatus'>
  readonly #by = new Map<Seq, Seq>()
  readonly #on = new Map<Seq, TransactionRecord>()
  readonly #claimed = new Set<Seq>()

  constructor(journal: () => Pick<Journal, 'status' | 'setStatus'>) {
    this.#journal = journal
  }

  /** Takes in a durable record that is a decision; answers the seqs that it decides on. */
  note(record: TransactionRecord): readonly Seq[] {
    const on = seqsOf(record)
    // Of a large edit only the decision matters here.
    this.#on.set(record.seq, { ...record, operations: [], writes: [], references: [] })
    // The first decision about a transaction holds.
    for (const each of on) if (!this.#by.has(each)) this.#by.set(each, record.seq)
    return on
  }

  /** Those that are not settled, oldest first. */
  get open(): readonly TransactionRecord[] {
    return [...this.#on.values()].sort((a, b) => a.seq - b.seq)
  }

  standIn(seq: Seq): Seq {
    let current = seq
    for (;;) {
      const by = this.#by.get(current) ?? standInOf(this.#journal(), current)
      if (by === current) return current
      current = by
    }
  }

  /** The decision about this transaction itself. */
  decisionOn(seq: Seq): Seq | undefined {
    return this.#by.get(seq) ?? this.#journal().status(seq).decidedBy
  }

  /** What this transaction decides on, while that is not settled. */
  decidesOn(seq: Seq): readonly Seq[] {
    const record = this.#on.get(seq)
    return record === undefined ? [] : seqsOf(record)
  }

  isClaimed(seq: Seq): boolean {
    return this.#claimed.has(seq)
  }

  /** A decision about these is being recorded; the answer ends that. */
  claim(seqs: readonly Seq[]): () => void {
    for (const seq of seqs) this.#claimed.add(seq)
    return () => {
      for (const seq of seqs) this.#claimed.delete(seq)
    }
  }

  /** The oldest transaction for which a decision stands that main does not have yet: others may wait for it. */
  get oldestOpen(): Seq | undefined {
    const journal = this.#journal()
    const open = [...this.#on.values()].filter(({ seq }) => isOpen(journal.status(this.standIn(seq)).state))
    const seqs = open.flatMap(seqsOf)
    return seqs.length === 0 ? undefined : seqs.reduce((oldest, seq) => Math.min(oldest, seq))
  }

  /** Everything up to here is settled: the statuses tell what was decided. */
  forgetThrough(seq: Seq): void {
    for (const [decision, record] of this.#on) {
      if (decision > seq) continue
      this.#on.delete(decision)
      for (const each of seqsOf(record)) this.#by.delete(each)
    }
  }
}

function isOpen(state: TransactionState): boolean {
  return state === 'buffered' || state === 'parked' || state === 'rejected'
}

function seqsOf({ decision }: TransactionRecord): readonly Seq[] {
  return (decision?.on ?? []).map(({ seq }) => seq)
}

/** The changes of state that a decision makes, also where a crash has lost states in between. Pure but for what it reads. */
export function decidedChanges(
  record: TransactionRecord,
  journal: Pick<Journal, 'status' | 'firstSeq' | 'lastSeq'>,
): readonly StatusChange[] {
  const { decision, seq: decidedBy } = record
  if (decision === undefined) return []
  const end = endState(decision.kind)
  return decision.on.flatMap(({ seq }) => {
    if (seq < journal.firstSeq || seq > journal.lastSeq) return []
    const { state, decidedBy: earlier } = journal.status(seq)
    if (earlier !== undefined) return []
    return waysTo(state, end).map((next, index, way) => ({
      from: seq,
      to: seq,
      status: { state: next, ...(index === way.length - 1 && { decidedBy }) },
    }))
  })
}
