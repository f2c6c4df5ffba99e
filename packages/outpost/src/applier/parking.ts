import type { Journal, StatusChange } from '../journal/journal.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { Seq } from '../transaction/transaction.ts'
import { type Decided, decidedIn } from './stand-ins.ts'

const isOpen = (state: TransactionState): boolean => state === 'buffered' || state === 'parked'

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

  /** Parks a transaction that fails again and again alone, until `retryAtMs` (N11). */
  async parkStuck(seq: Seq, retryAtMs: number): Promise<readonly StatusChange[]> {
    const changes: readonly StatusChange[] = [
      { from: seq, to: seq, status: { state: 'parked', parkedBy: 'stuck' } },
    ]
    await this.#journal.setStatus(changes)
    this.#noteStuck(seq, retryAtMs)
    return changes
  }

  /** A decision stands in for these from now on: what waited for them waits for it (N3). */
  takeOver(decided: readonly Seq[], by: Seq): void {
    for (const elder of decided) {
      for (const seq of this.#parkedBehind.get(elder) ?? []) this.#note(by, seq)
      this.#parkedBehind.delete(elder)
    }
  }

  /** Puts stuck transactions whose time has come back in line. */
  async releaseStuck(nowMs: number): Promise<readonly StatusChange[]> {
    const due = [...this.#stuck]
      .filter(([seq, retryAtMs]) => retryAtMs <= nowMs && !this.#decided.isClaimed(seq))
      .map(([seq]) => seq)
    for (const seq of due) this.#stuck.delete(seq)
    const changes = await this.#release(due.filter((seq) => this.#journal.status(seq).state === 'parked'))
    if (!this.#wasClaimed) return changes
    this.#wasClaimed = false
    return [...changes, ...(await this.releaseFree())]
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
    return this.#stuck.size === 0 ? undefined : Math.min(...this.#stuck.values())
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
