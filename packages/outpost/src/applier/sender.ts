import { tableRules } from '../ledger/table-rules.ts'
import type { ErrorClass } from '../postgres/sqlstate.ts'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'
import { digestAlarm, stuckAlarm } from './applier-alarms.ts'
import type { ApplierOptions } from './applier-options.ts'
import { Attempts } from './attempts.ts'
import type { Batch, BatchFacts } from './batch.ts'
import type { FormedBatch } from './batch-draft.ts'
import { BatchFormer } from './batch-former.ts'
import { BatchSizing } from './batch-sizing.ts'
import type { Contact } from './contact.ts'
import type { EpochMoves } from './epoch-moves.ts'
import { Flight, type UnderWay } from './flight.ts'
import { LedgerPlaces } from './ledger-places.ts'
import type { FinishedCall, LedgerPlace, OutcomeRun, Streak } from './main-session.ts'
import { blockedOf, hasFree, isAllApplied, type OutcomeEffects, outcomeEffects } from './outcomes.ts'
import { type Parking, type StuckOne, stuckUntilMs } from './parking.ts'
import { RedrivenWork } from './redriven-work.ts'
import { SentSchema } from './sent-schema.ts'
import { decidedIn } from './stand-ins.ts'
import { Suspects } from './suspects.ts'

export type SendResult =
  /** Nothing can be sent now. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'done'; readonly answer: FinishedCall }
  | { readonly kind: 'lineage' | 'gap' | 'fenced' | 'schema' }
  /** A CALL rested on one that did not apply all that it carried: it is formed anew. */
  | { readonly kind: 'early' }

/**
 * Sends batches and books their answers, one after the other. Invariant: a status is written only after the answer that
 * proves it (N7), and a pass starts over only when nothing is under way, so that nothing is sent twice at once.
 */
export class Sender {
  readonly #options: ApplierOptions
  readonly #moves: EpochMoves
  readonly #parking: Parking
  readonly #attempts: Attempts
  readonly #redriven: RedrivenWork
  readonly #places: LedgerPlaces
  readonly #former: BatchFormer
  readonly #sizing: BatchSizing
  readonly #flight = new Flight()
  readonly #suspects = new Suspects()
  #streaks: readonly Streak[] = []
  #pausedBy: readonly string[] = []
  #mustReset = false
  /** The pass has to start over as soon as nothing is under way. */
  #mustStartOver = false
  /** Something went otherwise than presumed: one at a time, until a full CALL has applied all that it carried. */
  #isCautious = false
  readonly #standIn: (seq: Seq) => Seq
  readonly #schema: SentSchema

  constructor(options: ApplierOptions, moves: EpochMoves, parking: Parking) {
    const { journal, clock, rules, planLimits } = options
    this.#schema = new SentSchema(options.schema)
    this.#options = options
    this.#moves = moves
    this.#parking = parking
    const decided = options.decided ?? decidedIn(journal)
    this.#standIn = (seq) => decided.standIn(seq)
    this.#sizing = new BatchSizing(options.largestBatch)
    this.#attempts = new Attempts(options)
    this.#redriven = new RedrivenWork(journal)
    this.#places = new LedgerPlaces(journal, moves)
    this.#former = new BatchFormer({
      journal,
      clock,
      // What one knows of another form of the tables says nothing of the order of writes in this one.
      rules: () => (this.#schema.isOfCatalog ? rules() : tableRules(undefined)),
      planLimits,
      facts: () => this.#facts(),
      nextDueMs: () => this.nextDueMs,
    })
  }

  /**
   * Sends the next batch, or an empty one where main must still learn that the re-drive is done, and answers what became
   * of the oldest that is under way; meanwhile others follow it.
   */
  async send(contact: Contact): Promise<SendResult> {
    if (this.#flight.size === 0 && !(await this.#sendFirst(contact))) return { kind: 'idle' }
    const call = this.#flight.first!
    await this.#sendBehind(contact, call)
    const answer = await call.answering
    const durationMs = this.#flight.landed(this.#options.clock.monotonicMs())
    if (answer.kind !== 'done') {
      if (answer.kind === 'schema') this.#schema.told(answer.history)
      await this.#abortRest(contact)
      return { kind: answer.kind }
    }
    await this.#land(contact, call, answer, durationMs)
    return { kind: 'done', answer }
  }

  async #land(contact: Contact, call: UnderWay, answer: FinishedCall, durationMs: number): Promise<void> {
    const { batch, isRedriven } = call
    contact.isRedriven ||= isRedriven
    const isWhole = isAllApplied(batch.transactions.length, answer)
    if (!isWhole) await this.#former.dropAhead()
    else if (batch.isFull) this.#isCautious = false
    await this.#book(batch, answer, durationMs)
    this.#sizing.succeeded(batch, durationMs, call.isBehind)
    if (!isWhole && this.#flight.size > 0) await this.#abortRest(contact)
    // Only now: what waits is noted in the pass in which it was sent.
    if (answer.stopped !== undefined) this.startOver()
  }

  /** What is behind rests on what did not come true: main takes none of it. */
  async #abortRest(contact: Contact): Promise<void> {
    this.#isCautious = true
    for (let call = this.#flight.first; call !== undefined; call = this.#flight.first) {
      const answer = await call.answering
      const durationMs = this.#flight.landed(this.#options.clock.monotonicMs())
      if (answer.kind === 'done') await this.#land(contact, call, answer, durationMs)
    }
    this.startOver()
  }

  /** Another connection: what was under way over the last one is not answered any more. */
  greeted(): void {
    this.#flight.abandon()
    this.startOver()
  }

  /**
   * Takes in that the link or main failed during a batch. Answers the transaction that failed so often alone that it
   * is to blame.
   */
  failed(kind: ErrorClass): Seq | undefined {
    const batch = this.#flight.first?.batch
    this.#flight.abandon()
    this.#isCautious = true
    this.startOver()
    if (batch === undefined) return undefined
    this.#sizing.failed(batch)
    const only = batch.transactions.length === 1 ? batch.transactions[0]!.seq : undefined
    if (only === undefined || kind === 'configuration') return undefined
    return this.#suspects.failedAlone(only, kind === 'connectivity') ? only : undefined
  }

  /** Last ledger row that the site knows main to have (N6). */
  get told(): LedgerPlace | undefined {
    return this.#places.told
  }

  set told(place: LedgerPlace | undefined) {
    this.#places.told = place
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
    this.#sizing.noteRoundTrip(durationMs)
  }

  /** Sites that missing rows wait for since main was replaced, as the last CALL found them (N9). */
  get pausedBy(): readonly string[] {
    return this.#pausedBy
  }

  /**
   * After the operator or a repair: from the next batch on streaks start anew, and what waits is tried at once. May be
   * called at any moment, also while a batch is formed or under way.
   */
  reset(): void {
    this.#mustReset = true
  }

  /** When something that waits is due, on the monotonic clock. */
  get nextDueMs(): number | undefined {
    const stuckMs = this.#parking.nextStuckMs
    const waitingMs = this.#attempts.nextDueMs
    return stuckMs === undefined || waitingMs === undefined
      ? (stuckMs ?? waitingMs)
      : Math.min(stuckMs, waitingMs)
  }

  /** How far in line this pass has come. */
  get reached(): Seq {
    return this.#former.reached
  }

  /** From the first one again: something before the place that was reached may have come free. */
  startOver(): void {
    this.#mustStartOver = this.#flight.size > 0
    if (!this.#mustStartOver) this.#former.startOver()
  }

  #takeReset(): void {
    if (!this.#mustReset) return
    this.#mustReset = false
    this.#streaks = []
    this.startOver()
    this.#attempts.makeDue()
  }

  #facts(): BatchFacts {
    const { journal, clock } = this.#options
    const nowMs = clock.monotonicMs()
    return {
      stateOf: (seq) => journal.status(seq).state,
      isWaiting: (seq) => this.#attempts.isWaiting(seq, nowMs),
      isLastAttempt: (seq) => this.#attempts.isLast(seq),
      redrivenWriter: (key, seq) => this.#redriven.newestWriter(key, seq),
      standIn: this.#standIn,
      epochOf: (record) => this.#moves.current(record.epoch),
      ...(this.#schema.ref && { schema: this.#schema.ref }),
      lift: (record) => this.#schema.lift(record),
    }
  }

  /** False when there is nothing to send. */
  async #sendFirst(contact: Contact): Promise<boolean> {
    this.#takeReset()
    if (this.#mustStartOver) this.startOver()
    await this.#redriven.load()
    this.#redriven.settle()
    const batch = await this.#former.form(this.#sizing.sizeOf(this.#calls))
    await this.#park(batch.parked)
    const isRedriven = this.#redriven.isSettled
    const mustReport = isRedriven && !contact.isRedriven
    if (batch.transactions.length === 0 && !mustReport) return false
    this.#call(contact, batch, isRedriven)
    return true
  }

  /** While the first one is under way, others follow it as soon as they are formed, if that is faster. */
  async #sendBehind(contact: Contact, first: UnderWay): Promise<void> {
    const landed = first.answering.then(
      () => false,
      () => false,
    )
    while (this.#mayFollow() && (await Promise.race([this.#former.isReady(), landed]))) {
      const batch = await this.#former.form(this.#sizing.presumedSize(this.#calls))
      await this.#park(batch.parked)
      if (batch.transactions.length === 0) return
      this.#call(contact, batch, this.#redriven.isSettled)
    }
  }

  #mayFollow(): boolean {
    return (
      !(this.#mustStartOver || this.#mustReset) &&
      this.#flight.last?.batch.isFull === true &&
      this.#flight.size < this.#calls
    )
  }

  /** How many may be under way now. */
  get #calls(): number {
    // Main ends a streak by what it applies, which only the answer tells.
    if (this.#isCautious || this.#streaks.length > 0) return 1
    return this.#sizing.callsUnderWay(this.#options.calls ?? 'auto')
  }

  /** While the CALL is under way the next batch is formed, for as long as there is more to send. */
  #call(contact: Contact, batch: FormedBatch, isRedriven: boolean): void {
    const { site, clock } = this.#options
    const { session, term, epoch, lineage } = contact
    const { transactions, plan, schema } = batch
    const number = this.#flight.nextNumber
    const isBehind = this.#flight.size > 0
    this.#options.onSend?.(transactions.reduce((newest, { seq }) => Math.max(newest, seq), 0))
    const answering = session.apply({
      site,
      epoch,
      term,
      told: this.#places.told,
      lineage,
      transactions,
      plan,
      schema,
      isRedriven,
      streaks: this.#streaks,
      number,
      after: this.#flight.last?.number,
    })
    this.#flight.add({ batch, number, isRedriven, isBehind, sentMs: clock.monotonicMs(), answering })
    if (batch.isFull) this.#former.formAhead(this.#sizing.presumedSize(this.#calls))
  }

  async #park(parked: Batch['parked']): Promise<void> {
    this.#notify(await this.#parking.park(parked))
    this.#attempts.forget(parked.map(({ seq }) => seq))
  }

  async #parkStuck(stuck: readonly StuckOne[]): Promise<void> {
    const [news] = stuck.filter(({ seq }) => !this.#parking.wasStuck(seq))
    this.#notify(await this.#parking.parkStuck(stuck, stuckUntilMs(this.#options)))
    if (news !== undefined) this.#options.onAlarm?.(stuckAlarm(news))
  }

  async #book(batch: FormedBatch, answer: FinishedCall, durationMs: number): Promise<void> {
    const { position, pausedBy } = answer
    const outcomes = this.#undecided(answer.outcomes)
    const effects = outcomeEffects(outcomes, position, {
      ledgerEpoch: (seq, run) => this.#places.otherEpoch(seq, run),
      attempts: (seq) => this.#attempts.made(seq) + 1,
    })
    await this.#options.journal.setStatus(effects.changes)
    this.#streaks = answer.streaks
    this.#pausedBy = pausedBy
    this.#places.note(batch.transactions, outcomes)
    await this.#attempts.wait(effects.waiting, pausedBy.length > 0)
    for (const { outcome, seqs } of outcomes) this.#noteAnswered(batch, outcome, seqs)
    this.#notify(effects.changes)
    await this.#parkStuck(effects.stuck)
    const blocked = blockedOf(batch.transactions, outcomes)
    await this.#park(blocked)
    // What only followed a refused one in the common lane comes free with that.
    if (hasFree(outcomes, blocked)) this.startOver()
    await this.#releaseBehind(outcomes)
    for (const seq of effects.digestDifferent) this.#options.onAlarm?.(digestAlarm(seq))
    this.#tell(batch, answer, effects, durationMs)
  }

  /** What somebody at another process decided on while it was under way keeps that state; main knows which came first. */
  #undecided(outcomes: readonly OutcomeRun[]): readonly OutcomeRun[] {
    const isDecided = (seq: Seq) => this.#standIn(seq) !== seq
    if (!outcomes.some(({ seqs }) => seqs.some(isDecided))) return outcomes
    return outcomes.map((run) => ({ ...run, seqs: run.seqs.filter((seq) => !isDecided(seq)) }))
  }

  #noteAnswered({ touched }: Batch, outcome: OutcomeRun['outcome'], seqs: readonly Seq[]): void {
    this.#suspects.clear(seqs)
    if (outcome === 'applied' || outcome === 'rejected' || outcome === 'stuck') this.#attempts.forget(seqs)
    else this.#former.leaveBehind(seqs, touched)
  }

  async #releaseBehind(outcomes: readonly OutcomeRun[]): Promise<void> {
    const applied = outcomes.filter((run) => run.outcome === 'applied').flatMap((run) => run.seqs)
    this.#parking.noteApplied(applied)
    const released = await this.#parking.releaseBehind(applied)
    if (released.length > 0) this.startOver()
    this.#notify(released)
  }

  #tell(batch: Batch, answer: FinishedCall, effects: OutcomeEffects, durationMs: number): void {
    this.#options.onBatch?.({
      transactions: batch.transactions.length,
      bytes: batch.bytes,
      durationMs,
      applied: effects.applied,
      rejected: effects.rejected.length,
      position: answer.position,
      pausedBy: answer.pausedBy,
    })
  }

  #notify(changes: Parameters<NonNullable<ApplierOptions['onStatus']>>[0]): void {
    if (changes.length > 0) this.#options.onStatus?.(changes)
  }
}
