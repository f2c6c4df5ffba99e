import { epochOf } from '../journal/ledger-epoch.ts'
import { planBatch } from '../ledger/batch-plan.ts'
import type { Epoch, Seq, TransactionRecord } from '../transaction/transaction.ts'
import type { ApplierOptions } from './applier-options.ts'
import { type Batch, BatchBuilder, type BatchFacts } from './batch.ts'
import { afterFailure, afterSuccess, type BatchSize, batchLimits } from './batch-size.ts'
import type { EpochMoves } from './epoch-moves.ts'
import type { ApplyAnswer, LedgerPlace, MainSession, OutcomeRun, Streak } from './main-session.ts'
import { blockedOf, outcomeEffects } from './outcomes.ts'
import type { Parking } from './parking.ts'
import { RedrivenWork } from './redriven-work.ts'

/** What was agreed at hello. */
export interface Contact {
  readonly session: MainSession
  readonly term: number
  readonly lineage: string
  /** The newest transaction when journal and ledger were compared. */
  readonly comparedThrough: Seq
  /** Main knows that this site has brought everything that it retains. */
  isRedriven: boolean
}

type Done = Extract<ApplyAnswer, { readonly kind: 'done' }>

export type SendResult =
  /** Nothing can be sent now. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'done'; readonly answer: Done }
  | { readonly kind: 'lineage' | 'gap' | 'fenced' }

const pageSize = 512

/**
 * One pass over what is buffered, from batch to batch: what waits is looked at once a pass, however much of it there
 * is, and what stands behind it is reached. A pass that has come to the end goes on with what is appended.
 */
interface Pass {
  after: Seq
  /** Left in line on purpose: it waits, or what it depends on does. */
  readonly behind: Set<Seq>
  isAtEnd: boolean
}

const newPass = (): Pass => ({ after: 0, behind: new Set(), isAtEnd: false })

/** A transaction that failed this often alone is stuck (N11). */
const stuckAfter = 5

/**
 * Forms, sends and books one batch at a time. Invariant: at most one CALL is under way; a status is written only
 * after the answer that proves it (N7).
 */
export class Sender {
  readonly #options: ApplierOptions
  readonly #moves: EpochMoves
  readonly #parking: Parking
  readonly #waiting = new Map<Seq, { attempts: number; retryAtMs: number }>()
  readonly #redriven: RedrivenWork
  readonly #failedAlone = new Map<Seq, number>()
  #size: BatchSize = batchLimits.first
  #streak: Streak = { key: null, count: 0 }
  #told: LedgerPlace | undefined
  #roundTripMs = 1
  #pausedBy: readonly string[] = []
  #underWay: Batch | undefined
  #pass = newPass()

  constructor(options: ApplierOptions, moves: EpochMoves, parking: Parking) {
    this.#options = options
    this.#moves = moves
    this.#parking = parking
    this.#redriven = new RedrivenWork(options.journal)
  }

  /** Sends the next batch; an empty one where main must still learn that the re-drive is done. */
  async send(contact: Contact): Promise<SendResult> {
    const { journal, clock, site } = this.#options
    await this.#redriven.load()
    this.#redriven.settle()
    const batch = await this.#form()
    await this.#park(batch.parked)
    const isRedriven = this.#redriven.isSettled
    const mustReport = isRedriven && !contact.isRedriven
    if (batch.transactions.length === 0 && !mustReport) return { kind: 'idle' }
    const plan = planBatch(batch.transactions, this.#options.rules(), this.#options.planLimits)
    const startedMs = clock.monotonicMs()
    this.#underWay = batch
    this.#options.onSend?.(batch.transactions.reduce((newest, { seq }) => Math.max(newest, seq), 0))
    const answer = await contact.session.apply({
      site,
      epoch: journal.epoch,
      term: contact.term,
      told: this.#told,
      lineage: contact.lineage,
      transactions: batch.transactions,
      plan,
      isRedriven,
      streak: this.#streak,
    })
    this.#underWay = undefined
    if (answer.kind !== 'done' || answer.stopped !== undefined) this.startOver()
    if (answer.kind !== 'done') return answer
    contact.isRedriven ||= isRedriven
    await this.#book(batch, answer, clock.monotonicMs() - startedMs)
    return { kind: 'done', answer }
  }

  /**
   * Takes in that the link or main failed during a batch. Answers the transaction that failed so often alone that it
   * is to blame; only failures that are not the link's count.
   */
  failed(isLinkFailure: boolean): Seq | undefined {
    const batch = this.#underWay
    this.#underWay = undefined
    this.startOver()
    if (batch === undefined) return undefined
    this.#size = afterFailure(this.#size, batch.transactions.length, batch.bytes)
    const only = batch.transactions.length === 1 ? batch.transactions[0]!.seq : undefined
    if (only === undefined || isLinkFailure) return undefined
    const failures = (this.#failedAlone.get(only) ?? 0) + 1
    this.#failedAlone.set(only, failures)
    if (failures < stuckAfter) return undefined
    this.#failedAlone.delete(only)
    return only
  }

  /** Last ledger row that the site knows main to have (N6). */
  get told(): LedgerPlace | undefined {
    return this.#told
  }

  set told(place: LedgerPlace | undefined) {
    this.#told = place
  }

  /** Main lacks these, which counted as applied: they go back in line. */
  noteRedriven(records: readonly TransactionRecord[]): void {
    this.#redriven.note(records)
    this.startOver()
  }

  /** Main has a ledger row of everything that it had lost. */
  get isRedriveSettled(): boolean {
    return this.#redriven.isSettled
  }

  noteRoundTrip(durationMs: number): void {
    const isFirst = this.#roundTripMs === 1
    this.#roundTripMs = isFirst ? durationMs : Math.min(durationMs, this.#roundTripMs * 1.05)
  }

  /** Sites that missing rows wait for since main was replaced, as the last CALL found them (N9). */
  get pausedBy(): readonly string[] {
    return this.#pausedBy
  }

  /** After the operator or a repair: attempts and streaks start anew. */
  reset(): void {
    this.#streak = { key: null, count: 0 }
    this.startOver()
    for (const entry of this.#waiting.values()) entry.retryAtMs = 0
  }

  /** When something that waits is due, on the monotonic clock. */
  get nextDueMs(): number | undefined {
    let next = this.#parking.nextStuckMs
    for (const { retryAtMs } of this.#waiting.values()) next = Math.min(next ?? retryAtMs, retryAtMs)
    return next
  }

  async #form(): Promise<Batch> {
    if (this.#isPassOver()) this.startOver()
    const { journal, clock } = this.#options
    const nowMs = clock.monotonicMs()
    const pass = this.#pass
    const facts: BatchFacts = {
      stateOf: (seq) => journal.status(seq).state,
      isWaiting: (seq) => (this.#waiting.get(seq)?.retryAtMs ?? 0) > nowMs,
      isLastAttempt: (seq) =>
        (this.#waiting.get(seq)?.attempts ?? 0) + 1 >= (this.#options.retryAttempts ?? 3),
      redrivenWriter: (key, seq) => this.#redriven.newestWriter(key, seq),
      epochOf: (record) => this.#moves.current(record.epoch),
    }
    const builder = new BatchBuilder(this.#size, facts, pass.behind)
    for (pass.isAtEnd = false; !pass.isAtEnd && !builder.isFull; ) {
      const seqs = journal.seqsIn('buffered', { after: pass.after, limit: pageSize })
      for (const record of await journal.getMany(seqs)) {
        if (!builder.add(record)) break
        pass.after = record.seq
      }
      pass.isAtEnd = seqs.length < pageSize && !builder.isFull
    }
    return builder.finish()
  }

  /** From the first one again: something before the place that was reached may have come free. */
  startOver(): void {
    this.#pass = newPass()
  }

  #isPassOver(): boolean {
    const { after, behind, isAtEnd } = this.#pass
    if (!isAtEnd) return false
    if ((this.nextDueMs ?? Number.POSITIVE_INFINITY) <= this.#options.clock.monotonicMs()) return true
    const first = this.#options.journal.seqsIn('buffered', { limit: 1 })[0]
    return first !== undefined && first <= after && !behind.has(first)
  }

  async #park(parked: Batch['parked']): Promise<void> {
    this.#notify(await this.#parking.park(parked))
    for (const { seq } of parked) this.#waiting.delete(seq)
  }

  async #book(batch: Batch, answer: Done, durationMs: number): Promise<void> {
    const effects = outcomeEffects(answer.outcomes, answer.position, (seq, run) =>
      this.#ledgerEpoch(seq, run),
    )
    await this.#options.journal.setStatus(effects.changes)
    this.#streak = answer.streak
    this.#pausedBy = answer.pausedBy
    this.#noteTold(batch, answer)
    this.#noteWaiting(
      effects.waiting.map(({ seq }) => seq),
      answer.pausedBy.length > 0,
    )
    for (const { seqs } of answer.outcomes) for (const seq of seqs) this.#failedAlone.delete(seq)
    for (const { from, to } of effects.changes)
      for (let seq = from; seq <= to; seq++) this.#waiting.delete(seq)
    this.#notify(effects.changes)
    await this.#park(blockedOf(batch.transactions, answer.outcomes))
    for (const { outcome, seqs } of answer.outcomes)
      if (outcome === 'waiting' || outcome === 'parked') for (const seq of seqs) this.#pass.behind.add(seq)
    await this.#releaseBehind(answer)
    this.#alarmDigests(effects.digestDifferent)
    const { length } = batch.transactions
    this.#size = afterSuccess(this.#size, {
      transactions: length,
      durationMs,
      roundTripMs: this.#roundTripMs,
      isFull: batch.isFull,
    })
    const { position } = answer
    this.#options.onBatch?.({
      transactions: length,
      bytes: batch.bytes,
      durationMs,
      applied: effects.applied,
      rejected: effects.rejected.length,
      position,
      pausedBy: answer.pausedBy,
    })
  }

  /** Undefined where the transaction stands under the epoch that it was recorded in. */
  #ledgerEpoch(seq: Seq, run: OutcomeRun): Epoch | undefined {
    const own = epochOf(this.#options.journal, seq)
    const epoch = run.epoch ?? this.#moves.current(own)
    return epoch === own ? undefined : epoch
  }

  #noteTold(batch: Batch, answer: Done): void {
    const last = answer.outcomes
      .findLast((run) => run.outcome === 'applied' || run.outcome === 'rejected')
      ?.seqs.at(-1)
    const sent = batch.transactions.find(({ seq }) => seq === last)
    // In an epoch that took over others, a transaction may stand in the ledger under its former place.
    if (sent === undefined || this.#moves.isTarget(sent.epoch)) return
    this.#told = { epoch: sent.epoch, seq: sent.seq }
  }

  #noteWaiting(seqs: readonly Seq[], isPaused: boolean): void {
    const retryAtMs = this.#options.clock.monotonicMs() + (this.#options.retryDelayMs ?? 5_000)
    for (const seq of seqs) {
      const attempts = (this.#waiting.get(seq)?.attempts ?? 0) + (isPaused ? 0 : 1)
      this.#waiting.set(seq, { attempts, retryAtMs })
    }
  }

  async #releaseBehind(answer: Done): Promise<void> {
    const applied = answer.outcomes.filter((run) => run.outcome === 'applied').flatMap((run) => run.seqs)
    const released = await this.#parking.releaseBehind(applied)
    if (released.length > 0) this.startOver()
    this.#notify(released)
  }

  #alarmDigests(seqs: readonly Seq[]): void {
    for (const seq of seqs) {
      this.#options.onAlarm?.({
        code: 'digest_differs',
        message: `Main knows transaction ${seq} with other operations than the journal does.`,
        hint: 'Compare both with `outpost tx show`: a journal was edited, or an id was made twice.',
      })
    }
  }

  #notify(changes: Parameters<NonNullable<ApplierOptions['onStatus']>>[0]): void {
    if (changes.length > 0) this.#options.onStatus?.(changes)
  }
}
