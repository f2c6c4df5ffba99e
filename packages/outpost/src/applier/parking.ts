import type { Journal, StatusChange, TransactionStatus } from '../journal/journal.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { Seq } from '../transaction/transaction.ts'
import type { ApplierOptions } from './applier-options.ts'
import { type Decided, decidedIn } from './stand-ins.ts'

const isOpen = (state: TransactionState): boolean => state === 'buffered' || state === 'parked'

/** A transaction that fails for a reason that may pass (N11), and what was said of it. */
export interface StuckOne {
  readonly seq: Seq
  readonly reason: Pick<TransactionStatus, 'sqlstate' | 'constraint' | 'detail' | 'message'>
}

/** When what is parked as stuck now is tried again, on the monotonic clock. */
export function stuckUntilMs({
  clock,
  stuckRetryMs = 60_000,
}: Pick<ApplierOptions, 'clock' | 'stuckRetryMs'>): number {
  return clock.monotonicMs() + stuckRetryMs
}

/** Of those that are due so many are tried, and more a second later: thousands may share a cause that lasts. */
const triedAtOnce = 100
const triedEveryMs = 1_000

/**
 * Who is parked, and behind whom. Invariant: mirrors the journal's `parked` transactions; rebuilt from it at start.
 */
export class Parking {
  readonly #journal: Journal
  readonly #decided: Decided
  readonly #parkedBehind = new Map<Seq, Set<Seq>>()
  /** Stuck ones, with the time of their next try on the monotonic clock. */
  readonly #stuck = new Map<Seq, number>()
  /** Those that were stuck, until they are settled: also while they are tried again. */
  readonly #everStuck = new Set<Seq>()
  #atOnce = triedAtOnce
  /** Before this no more of them are tried. */
  #nextTryMs = 0

  /** Something was kept parked because a decision about it was being recorded. */
  #wasClaimed = false

  constructor(journal: Journal, decided: Decided = decidedIn(journal)) {
    this.#journal = journal
    this.#decided = decided
    for (const seq of journal.seqsIn('parked')) {
      const { parkedBy } = journal.status(seq)
      if (parkedBy === 'stuck') this.#noteStuck(seq, 0)
      else for (const blocker of parkedBy ?? []) this.#note(blocker, seq)
    }
  }

  /** Parks a transaction behind the ones that it depends on (N9). */
  async park(
    found: readonly { readonly seq: Seq; readonly by: readonly Seq[] }[],
  ): Promise<readonly StatusChange[]> {
    // It may have been discarded since it was found.
    const parked = found.filter(({ seq }) => isOpen(this.#journal.status(seq).state))
    const changes = parked.map(
      ({ seq, by }): StatusChange => ({ from: seq, to: seq, status: { state: 'parked', parkedBy: by } }),
    )
    if (changes.length > 0) await this.#journal.setStatus(changes)
    for (const { seq, by } of parked) for (const blocker of by) this.#note(blocker, seq)
    return changes
  }

  /** Parks transactions that fail for a reason that may pass, until `retryAtMs` (N11). */
  async parkStuck(found: readonly StuckOne[], retryAtMs: number): Promise<readonly StatusChange[]> {
    const stuck = found.filter(({ seq }) => isOpen(this.#journal.status(seq).state))
    if (stuck.length === 0) return []
    const changes = stuck.map(
      ({ seq, reason }): StatusChange => ({
        from: seq,
        to: seq,
        status: { state: 'parked', parkedBy: 'stuck', ...reason },
      }),
    )
    await this.#journal.setStatus(changes)
    this.#atOnce = triedAtOnce
    for (const { seq } of stuck) this.#noteStuck(seq, retryAtMs)
    return changes
  }

  /** A decision stands in for these from now on: what waited for them waits for it (N3). */
  takeOver(decided: readonly Seq[], by: Seq): void {
    for (const elder of decided) {
      for (const seq of this.#parkedBehind.get(elder) ?? []) this.#note(by, seq)
      this.#parkedBehind.delete(elder)
    }
  }

  /** Puts stuck transactions whose time has come back in line: those that have waited longest, some at a time. */
  async releaseStuck(nowMs: number): Promise<readonly StatusChange[]> {
    const changes = nowMs < this.#nextTryMs ? [] : await this.#releaseDue(nowMs)
    if (!this.#wasClaimed) return changes
    this.#wasClaimed = false
    return [...changes, ...(await this.releaseFree())]
  }

  async #releaseDue(nowMs: number): Promise<readonly StatusChange[]> {
    const due = [...this.#stuck]
      .filter(([seq, retryAtMs]) => retryAtMs <= nowMs && !this.#decided.isClaimed(seq))
      .sort(([, a], [, b]) => a - b)
    if (due.length > this.#atOnce) this.#nextTryMs = nowMs + triedEveryMs
    const tried = due.slice(0, this.#atOnce).map(([seq]) => seq)
    for (const seq of tried) this.#stuck.delete(seq)
    return await this.#release(tried.filter((seq) => this.#journal.status(seq).state === 'parked'))
  }

  /** One that was stuck has been applied: what holds the others back may be over too, so all are due, and faster. */
  noteApplied(applied: readonly Seq[]): void {
    if (this.#stuck.size === 0 || !applied.some((seq) => this.#everStuck.has(seq))) return
    for (const seq of this.#stuck.keys()) this.#stuck.set(seq, 0)
    this.#nextTryMs = 0
    this.#atOnce *= 2
  }

  /** Puts what waited for these seqs back in line, unless something else still holds it back. */
  async releaseBehind(applied: Iterable<Seq>): Promise<readonly StatusChange[]> {
    if (this.#parkedBehind.size === 0) return []
    const free = new Set<Seq>()
    for (const blocker of applied) {
      for (const seq of this.#parkedBehind.get(blocker) ?? []) free.add(seq)
      this.#parkedBehind.delete(blocker)
    }
    return await this.#release([...free].sort((a, b) => a - b).filter((seq) => this.#isFree(seq)))
  }

  /**
   * Puts back in line whatever nothing holds back any more: a crash between the status of a blocker and this release,
   * or a decision made elsewhere, must not leave it parked for ever.
   */
  async releaseFree(): Promise<readonly StatusChange[]> {
    return await this.#release(this.#journal.seqsIn('parked').filter((seq) => this.#isFree(seq)))
  }

  get nextStuckMs(): number | undefined {
    let first: number | undefined
    for (const retryAtMs of this.#stuck.values())
      if (first === undefined || retryAtMs < first) first = retryAtMs
    return first === undefined ? undefined : Math.max(first, this.#nextTryMs)
  }

  /** Whether it has failed like this before and is not settled yet. */
  wasStuck(seq: Seq): boolean {
    return this.#everStuck.has(seq)
  }

  /** Stuck ones and those that are tried again after it, oldest first. */
  get stuck(): readonly Seq[] {
    for (const seq of this.#everStuck) {
      const { state } = this.#journal.status(seq)
      if (state !== 'parked' && state !== 'buffered') this.#everStuck.delete(seq)
    }
    return [...this.#everStuck].sort((a, b) => a - b)
  }

  #noteStuck(seq: Seq, retryAtMs: number): void {
    this.#stuck.set(seq, retryAtMs)
    this.#everStuck.add(seq)
  }

  #note(blocker: Seq, seq: Seq): void {
    const standIn = this.#decided.standIn(blocker)
    const behind = this.#parkedBehind.get(standIn)
    if (behind === undefined) this.#parkedBehind.set(standIn, new Set([seq]))
    else behind.add(seq)
  }

  #isFree(seq: Seq): boolean {
    const { state, parkedBy } = this.#journal.status(seq)
    if (state !== 'parked' || parkedBy === 'stuck') return false
    if (this.#decided.isClaimed(seq)) {
      this.#wasClaimed = true
      return false
    }
    return (parkedBy ?? []).every((blocker) => {
      const blockerState = this.#journal.status(this.#decided.standIn(blocker)).state
      return blockerState !== 'rejected' && blockerState !== 'parked' && blockerState !== 'buffered'
    })
  }

  async #release(seqs: readonly Seq[]): Promise<readonly StatusChange[]> {
    const changes = seqs.map((seq): StatusChange => {
      // A return to `buffered` forgets the rest; that main had lost it must outlive the detour (N9).
      const { redriven } = this.#journal.status(seq)
      return {
        from: seq,
        to: seq,
        status: { state: 'buffered', ...(redriven !== undefined && { redriven }) },
      }
    })
    if (changes.length > 0) await this.#journal.setStatus(changes)
    return changes
  }
}
