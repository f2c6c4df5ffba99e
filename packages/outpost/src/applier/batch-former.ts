import type { Clock } from '../clock/clock.ts'
import type { Journal } from '../journal/journal.ts'
import type { PlanLimits } from '../ledger/batch-plan.ts'
import { PlanEncoder } from '../ledger/encoded-plan.ts'
import type { TableRules } from '../ledger/table-rules.ts'
import type { TableName } from '../postgres/catalog.ts'
import type { Seq } from '../transaction/transaction.ts'
import type { BatchFacts } from './batch.ts'
import { BatchDraft, type FormedBatch, newPass, type Pass } from './batch-draft.ts'
import type { BatchSize } from './batch-size.ts'
import type { Touch } from './common-lane.ts'

export interface BatchFormerOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly rules: () => (table: TableName) => TableRules
  readonly planLimits?: PlanLimits | undefined
  /** What is known of transactions at this moment. */
  readonly facts: () => BatchFacts
  /** When something that waits is due, on the monotonic clock. */
  readonly nextDueMs: () => number | undefined
}

const pageSize = 256

interface Ahead {
  readonly draft: BatchDraft
  readonly filling: Promise<void>
}

/**
 * Forms one batch after the other from what is buffered, the next one while others are under way: reading, planning and
 * encoding then cost no time of the link.
 *
 * Invariant: what is formed ahead presumes that everything under way is applied. It is used only if that came true;
 * otherwise it is dropped, and the pass goes on as if it had never been.
 */
export class BatchFormer {
  readonly #options: BatchFormerOptions
  #pass: Pass = newPass()
  #ahead: Ahead | undefined

  constructor(options: BatchFormerOptions) {
    this.#options = options
  }

  /** How far in line the present pass has come. */
  get reached(): Seq {
    return this.#pass.after
  }

  /** The next batch in line, of at most this size; empty when nothing can be sent now. */
  async form(size: BatchSize): Promise<FormedBatch> {
    const draft = (await this.#takeAhead(size)) ?? this.#begin(size)
    // Also where it was formed ahead: what was appended since goes with it.
    await this.#fill(draft)
    return draft.finish()
  }

  /** Begins with the batch behind the one that `form` answered last and that is under way now. */
  formAhead(size: BatchSize): void {
    const draft = this.#draft(size)
    // What fails here fails again when the batch is formed in its turn.
    const filling = this.#fill(draft).catch(() => draft.drop())
    this.#ahead = { draft, filling }
  }

  /** Resolves when what is formed ahead is complete: whether it is worth a CALL while another is under way. */
  async isReady(): Promise<boolean> {
    const ahead = this.#ahead
    await ahead?.filling
    return ahead !== undefined && ahead === this.#ahead && !ahead.draft.isDropped && ahead.draft.isWorthwhile
  }

  /** What was under way did not end as presumed; resolves when nothing is read any more. */
  async dropAhead(): Promise<void> {
    const ahead = this.#ahead
    this.#ahead = undefined
    ahead?.draft.drop()
    await ahead?.filling
  }

  /** These of a batch that touches this stay in line on purpose, and so does what depends on them. */
  leaveBehind(seqs: readonly Seq[], touched: readonly Touch[]): void {
    const left = new Set(seqs)
    for (const seq of left) this.#pass.behind.add(seq)
    for (const touch of touched) if (left.has(touch.seq)) this.#pass.held.add(touch)
  }

  /** From the first one again: something before the place that was reached may have come free. */
  startOver(): void {
    this.#ahead?.draft.drop()
    this.#pass = newPass()
  }

  async #takeAhead(size: BatchSize): Promise<BatchDraft | undefined> {
    const ahead = this.#ahead
    this.#ahead = undefined
    if (ahead === undefined) return undefined
    await ahead.filling
    if (!ahead.draft.isDropped && !ahead.draft.fits(size)) ahead.draft.drop()
    return ahead.draft.isDropped ? undefined : ahead.draft
  }

  #begin(size: BatchSize): BatchDraft {
    if (this.#isPassOver()) this.startOver()
    return this.#draft(size)
  }

  #draft(size: BatchSize): BatchDraft {
    const { rules, planLimits, facts } = this.#options
    return new BatchDraft(this.#pass, size, facts(), new PlanEncoder(rules(), planLimits))
  }

  async #fill(draft: BatchDraft): Promise<void> {
    const { journal, clock } = this.#options
    for (draft.isAtEnd = false; !draft.isAtEnd && !draft.isClosed; ) {
      const seqs = journal.seqsIn('buffered', { after: draft.after, limit: pageSize })
      const records = await journal.getMany(seqs)
      if (draft.isDropped) return
      for (const record of records) if (!draft.add(record)) break
      draft.isAtEnd = seqs.length < pageSize && !draft.isClosed
      // A breath between pages: requests are answered while a large batch is formed.
      if (!draft.isAtEnd && !draft.isClosed) await clock.sleep(0)
    }
  }

  #isPassOver(): boolean {
    const { after, behind, isAtEnd } = this.#pass
    if (!isAtEnd) return false
    const { journal, clock, nextDueMs } = this.#options
    if ((nextDueMs() ?? Number.POSITIVE_INFINITY) <= clock.monotonicMs()) return true
    const first = journal.seqsIn('buffered', { limit: 1 })[0]
    return first !== undefined && first <= after && !behind.has(first)
  }
}
