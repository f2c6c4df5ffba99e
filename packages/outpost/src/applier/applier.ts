import { isOutpostError, OutpostError } from '../errors/outpost-error.ts'
import type { StatusChange } from '../journal/journal.ts'
import { classify, sqlstateOf } from '../postgres/sqlstate.ts'
import type { Seq } from '../transaction/transaction.ts'
import type { ApplierAlarm, ApplierOptions, ApplierState } from './applier-options.ts'
import { backoffMs } from './backoff.ts'
import { noteCompared } from './carried-over.ts'
import { EpochMoves, epochBounds } from './epoch-moves.ts'
import { journalAlarm, messageOf } from './journal-alarm.ts'
import { compareLedger, redrive } from './ledger-comparison.ts'
import type { HelloAnswer, HelloRequest, MainSession } from './main-session.ts'
import { Parking } from './parking.ts'
import { type Contact, Sender, type SendResult } from './sender.ts'
import type { SeqRange } from './seq-ranges.ts'

type Welcome = Extract<HelloAnswer, { readonly kind: 'welcome' }>
type Stranger = Extract<HelloAnswer, { readonly kind: 'stranger' }>

const lineageFact = 'lineage'
/** Fences closer together than this make the next contact wait longer. */
const fenceWindowMs = 60_000
const forgetAnswersEveryMs = 3_600_000

/**
 * Drains the journal into main.
 *
 * States: stopped → `start()` → waiting ⇄ running ⇄ idle, blocked while somebody must act → `stop()` → stopped.
 * Invariants: at most one CALL is under way; before anything is sent over a new connection, everything retained was
 * compared with main's ledger and what is missing stands in line again (N6); connectivity never costs a transaction
 * an attempt (P2).
 *
 * @example
 * const applier = new Applier({ site, journal, clock, openSession: pgMainSessions({ config, clock }), random: Math.random, rules })
 * applier.start()
 * journal.onDurable(() => applier.wake())
 */
export class Applier {
  readonly #options: ApplierOptions
  readonly #moves: EpochMoves
  readonly #parking: Parking
  readonly #sender: Sender
  #stopping = new AbortController()
  #running: Promise<void> | undefined
  #wakeup = new AbortController()
  #isWoken = false
  #state: ApplierState = { kind: 'stopped' }
  #session: MainSession | undefined
  /** The main that was refused last, and whether the operator has accepted it since. */
  #refused: { readonly main: Stranger; readonly isAccepted: boolean } | undefined
  #failures = 0
  #fences: readonly number[] = []
  #link: 'connected' | 'unreachable' | undefined
  #lastAlarm: string | undefined
  #prunedThrough: Seq = 0
  #forgetAnswersAtMs = 0
  /** Main's flushed position as last heard. */
  #position = ''

  constructor(options: ApplierOptions) {
    this.#options = options
    this.#moves = new EpochMoves(options.journal)
    this.#parking = new Parking(options.journal)
    this.#sender = new Sender(options, this.#moves, this.#parking)
  }

  get state(): ApplierState {
    return this.#state
  }

  start(): void {
    if (this.#running !== undefined) return
    this.#stopping = new AbortController()
    this.#running = this.#run()
  }

  /** Ends the connection and returns when the loop has ended; what was sent and not answered is found at restart. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wakeup.abort()
    await this.#session?.close()
    await this.#running
    this.#running = undefined
    this.#state = { kind: 'stopped' }
  }

  /** Something was appended: an idle applier sends it at once. */
  wake(): void {
    this.#isWoken = true
    if (this.#state.kind === 'idle') this.#wakeup.abort()
  }

  /** The cause of an alarm is mended: try again now. */
  resume(): void {
    this.#sender.reset()
    this.#lastAlarm = undefined
    this.#state = { kind: 'waiting', reason: 'resumed' }
    this.#wakeup.abort()
  }

  /**
   * The operator's word that no other site will bring again what transactions here still miss: attempts count again,
   * at every site (N9). Runs beside the applier's own work; rejects with what the link or main says.
   */
  async releaseAttempts(): Promise<void> {
    const session = await this.#options.openSession(this.#stopping.signal)
    try {
      await session.releaseAttempts()
    } finally {
      await session.close()
    }
    this.#sender.reset()
    this.wake()
  }

  /** Sites that missing rows wait for since main was replaced, as the last CALL found them; usually none (N9). */
  get pausedBy(): readonly string[] {
    return this.#sender.pausedBy
  }

  /**
   * The operator's word that the main which was refused is the right one, although it does not descend from the last
   * (N4). It holds for that server alone and for one attempt. Throws `nothing_to_accept` unless a main is refused.
   */
  acceptMain(): void {
    const isRefused = this.#state.kind === 'blocked' && this.#state.alarm.code === 'lineage_refused'
    if (!isRefused || this.#refused === undefined) {
      throw new OutpostError('nothing_to_accept', 'Main is not refused, so there is nothing to accept.')
    }
    this.#refused = { main: this.#refused.main, isAccepted: true }
    this.resume()
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        const contact = await this.#contact()
        if (contact !== undefined) await this.#serve(contact)
      } catch (error) {
        // Whatever went wrong, also while it was dealt with: the applier goes on, later.
        await this.#recover(error).catch((failure: unknown) => this.#retreat(failure))
      }
      await this.#drop()
    }
  }

  /** Connects, says hello and brings journal and ledger together; undefined when it must wait, which it did. */
  async #contact(): Promise<Contact | undefined> {
    const { clock, journal } = this.#options
    const session = await this.#options.openSession(this.#stopping.signal)
    this.#session = session
    const startedMs = clock.monotonicMs()
    const answer = await this.#hello(session)
    this.#sender.noteRoundTrip(clock.monotonicMs() - startedMs)
    switch (answer.kind) {
      case 'recovery':
        throw new OutpostError('main_unreachable', 'Main is in recovery: it takes no writes for the moment.')
      case 'stranger':
        this.#refused = { main: answer, isAccepted: false }
        await this.#block(strangerAlarm(answer))
        return undefined
      case 'fenced':
        await journal.openEpoch()
        await this.#fenced()
        return undefined
      case 'welcome':
        return await this.#welcomed(session, answer)
    }
  }

  async #hello(session: MainSession): Promise<HelloAnswer> {
    const { journal, site } = this.#options
    const request: HelloRequest = {
      site,
      epoch: journal.epoch,
      earlier: journal.epochs
        .map(({ epoch }) => epoch)
        .filter((epoch) => epoch !== journal.epoch)
        .slice(-100),
      remembered: journal.getFact(lineageFact),
    }
    const answer = await session.hello(request)
    if (answer.kind === 'recovery') return answer
    const refused = this.#refused
    this.#refused = undefined
    if (answer.kind !== 'stranger' || refused?.isAccepted !== true || !isSameServer(answer, refused.main))
      return answer
    const accepted = await session.hello({ ...request, remembered: undefined })
    // This life of the journal had ended there: the attempt is not over before a new one was offered.
    if (accepted.kind === 'fenced') this.#refused = refused
    return accepted
  }

  async #welcomed(session: MainSession, answer: Welcome): Promise<Contact> {
    const { journal } = this.#options
    const contact = {
      session,
      term: answer.term,
      lineage: answer.lineage,
      comparedThrough: journal.lastSeq,
      isRedriven: answer.isRedriven,
    }
    this.#position = answer.position
    const isChanged = journal.getFact(lineageFact) !== answer.lineage
    const redriven = await this.#compare(session)
    if (isChanged) await journal.setFact(lineageFact, answer.lineage)
    await this.#options.onLineage?.({
      lineage: answer.lineage,
      lineageLsn: answer.lineageLsn,
      chain: answer.chain,
      isChanged,
      redriven,
    })
    this.#noteLink('connected')
    this.#options.onPosition?.(answer.position)
    return contact
  }

  async #compare(session: MainSession): Promise<number> {
    const { journal, site } = this.#options
    const { missing, told } = await compareLedger(journal, session, site, this.#moves)
    this.#sender.told = told
    const count = missing.length === 0 ? 0 : await this.#redrive(missing)
    this.#notify(await this.#parking.releaseFree())
    this.#sender.startOver()
    return count
  }

  async #redrive(missing: readonly SeqRange[]): Promise<number> {
    const { journal } = this.#options
    const count = await redrive(journal, missing, async (records) => {
      this.#sender.noteRedriven(records)
      await this.#options.onRedrive?.(records)
    })
    this.#notify(missing.map(({ from, to }) => ({ from, to, status: { state: 'buffered' as const } })))
    return count
  }

  /** Sends while there is something to send; returns when a new hello is needed. */
  async #serve(contact: Contact): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#isWoken = false
      this.#state = { kind: 'running' }
      await this.#releaseStuck()
      const result = await this.#sender.send(contact)
      const isContinued = await this.#act(result, contact)
      if (!isContinued) return
    }
  }

  async #releaseStuck(): Promise<void> {
    const released = await this.#parking.releaseStuck(this.#options.clock.monotonicMs())
    if (released.length > 0) this.#sender.startOver()
    this.#notify(released)
  }

  /** False when the contact is over. */
  async #act(result: SendResult, contact: Contact): Promise<boolean> {
    switch (result.kind) {
      case 'idle':
        return await this.#idle(contact)
      case 'lineage':
        return false
      case 'gap':
        await this.#compare(contact.session)
        return true
      case 'fenced':
        await this.#fenced()
        return false
      case 'done':
        this.#failures = 0
        this.#lastAlarm = undefined
        this.#position = result.answer.position
        this.#options.onPosition?.(result.answer.position)
        if (result.answer.stopped === 'streak') {
          await this.#block(rejectionsAlarm(result.answer.streak.key ?? ''), true)
          return false
        }
        if (result.answer.takenEpoch !== undefined) {
          await this.#moveEpoch(result.answer.takenEpoch)
          return false
        }
        return true
    }
  }

  /** N2: seqs of this epoch stand for other transactions on main; they go under a new epoch, by id. */
  async #moveEpoch(taken: string): Promise<void> {
    const fresh = await this.#options.journal.openEpoch()
    await this.#moves.move(taken, fresh)
    this.#alarm(fencedAlarm)
  }

  /** False when the beat finds another main than the one that was greeted. */
  async #idle(contact: Contact): Promise<boolean> {
    const { clock, site } = this.#options
    const nowMs = clock.monotonicMs()
    const dueMs = Math.max(0, (this.#sender.nextDueMs ?? Number.POSITIVE_INFINITY) - nowMs)
    const pauseMs = Math.min(this.#options.idleIntervalMs ?? 1_000, dueMs)
    this.#state = { kind: 'idle' }
    await this.#noteCompared(contact)
    if (!this.#isWoken) await this.#prune(contact)
    if (!this.#isWoken) await this.#forgetAnswers(contact)
    if (!this.#isWoken) await this.#pause(pauseMs)
    if (this.#isWoken || this.#stopping.signal.aborted) return true
    const startedMs = clock.monotonicMs()
    const beat = await contact.session.beat(site, contact.lineage, this.#sender.told)
    this.#sender.noteRoundTrip(clock.monotonicMs() - startedMs)
    this.#options.onPosition?.(beat.position)
    return beat.isCurrent
  }

  /** What an earlier main applied counts for this one only after all that it lacked was brought again (N13). */
  async #noteCompared({ lineage, comparedThrough, isRedriven }: Contact): Promise<void> {
    if (!isRedriven || !this.#sender.isRedriveSettled) return
    await noteCompared(this.#options.journal, {
      lineage,
      through: comparedThrough,
      position: this.#position,
      atMs: this.#options.clock.nowMs(),
    })
  }

  /** Main forgets what the journal has dropped, in steps, while nothing else is to do (N14). */
  async #prune(contact: Contact): Promise<void> {
    const { journal, site } = this.#options
    const through = journal.firstSeq - 1
    if (through <= this.#prunedThrough) return
    const drops = epochBounds(journal)
      .filter(({ from, to }) => from <= through && from <= to)
      .map(({ epoch, to }) => ({ epoch, through: Math.min(to, through) }))
    const isDone = await contact.session.prune(site, journal.epoch, contact.term, drops)
    if (isDone) this.#prunedThrough = through
  }

  /** In steps, one in an idle turn; when nothing is left, not before the next hour. */
  async #forgetAnswers(contact: Contact): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs < this.#forgetAnswersAtMs) return
    const isDone = await contact.session.forgetAnswers()
    if (isDone) this.#forgetAnswersAtMs = nowMs + forgetAnswersEveryMs
  }

  /** Another life of the journal, or another applier, has taken over: with care, because it may do so again. */
  async #fenced(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs()
    this.#fences = [...this.#fences.filter((atMs) => nowMs - atMs < fenceWindowMs), nowMs].slice(-10)
    this.#alarm(fencedAlarm)
    await this.#wait(
      'another applier of this site has taken over',
      backoffMs(this.#fences.length, this.#options.random(), { firstMs: 500, capMs: 30_000 }),
    )
  }

  /** N11: what to do about an error depends on its class alone. */
  async #recover(error: unknown): Promise<void> {
    if (this.#stopping.signal.aborted) return
    const kind = classify(error)
    const suspect = this.#sender.failed(kind === 'connectivity' || kind === 'configuration')
    const alarm = configurationAlarm(error, kind === 'configuration')
    if (alarm !== undefined) return await this.#block(alarm)
    if (kind === 'connectivity') this.#noteLink('unreachable', messageOf(error))
    if (suspect !== undefined) await this.#park(suspect, error)
    if (isJournalFailure(error)) this.#alarm(journalAlarm(error))
    this.#failures++
    await this.#wait(
      messageOf(error),
      backoffMs(this.#failures, this.#options.random(), this.#options.backoff),
    )
  }

  /** The journal could not be written: main and the ledger know better than it does, so nothing is lost by waiting. */
  async #retreat(failure: unknown): Promise<void> {
    if (this.#stopping.signal.aborted) return
    this.#alarm(journalAlarm(failure))
    this.#failures++
    await this.#wait(
      messageOf(failure),
      backoffMs(this.#failures, this.#options.random(), this.#options.backoff),
    )
  }

  async #park(seq: Seq, error: unknown): Promise<void> {
    const retryAtMs = this.#options.clock.monotonicMs() + (this.#options.stuckRetryMs ?? 60_000)
    this.#notify(await this.#parking.parkStuck(seq, retryAtMs))
    this.#alarm(stuckAlarm(seq, messageOf(error)), true)
  }

  async #block(alarm: ApplierAlarm, isFinal = false): Promise<void> {
    this.#alarm(alarm)
    this.#state = { kind: 'blocked', alarm, isFinal }
    await this.#drop()
    do await this.#pause(this.#options.configurationRetryMs ?? 30_000)
    while (isFinal && this.#state.kind === 'blocked' && !this.#stopping.signal.aborted)
  }

  async #wait(reason: string, ms: number): Promise<void> {
    this.#state = { kind: 'waiting', reason }
    await this.#pause(ms)
  }

  async #pause(ms: number): Promise<void> {
    this.#wakeup = new AbortController()
    if (this.#stopping.signal.aborted) return
    await this.#options.clock.sleep(ms, this.#wakeup.signal)
  }

  async #drop(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await session?.close()
  }

  #noteLink(link: 'connected' | 'unreachable', reason?: string): void {
    if (this.#link === link) return
    this.#link = link
    this.#options.onLink?.(link, reason)
  }

  /** The same alarm is raised once until something succeeded. */
  #alarm(alarm: ApplierAlarm, isAlwaysNew = false): void {
    if (!isAlwaysNew && this.#lastAlarm === alarm.code) return
    this.#lastAlarm = alarm.code
    this.#options.onAlarm?.(alarm)
  }

  #notify(changes: readonly StatusChange[]): void {
    if (changes.length > 0) this.#options.onStatus?.(changes)
  }
}

const fencedAlarm: ApplierAlarm = {
  code: 'epoch_fenced',
  message: 'Main knows this life of the journal, or this applier, as ended: another one has taken over.',
  hint: 'Look for a second process of this site or a restored copy of its journal. Nothing is lost or doubled meanwhile.',
}

function isSameServer(one: Stranger, other: Stranger): boolean {
  return one.system === other.system && one.timeline === other.timeline
}

function strangerAlarm(answer: { readonly system: string; readonly timeline: number }): ApplierAlarm {
  return {
    code: 'lineage_refused',
    message: `Main (system ${answer.system}, timeline ${answer.timeline}) does not descend from the server that this site wrote to.`,
    hint: 'Check which server is the right one, then run `outpost site accept-main`.',
  }
}

function rejectionsAlarm(message: string): ApplierAlarm {
  return {
    code: 'rejections',
    message: `Ten transactions in a row were rejected for the same reason: ${message}`,
    hint: 'Compare the schema of main with what the site records, mend it, then resume the applier.',
  }
}

function stuckAlarm(seq: Seq, reason: string): ApplierAlarm {
  return {
    code: 'stuck',
    message: `Transaction ${seq} fails again and again: ${reason}`,
    hint: 'It is tried again every minute; what does not depend on it goes on. Look at main for the cause.',
  }
}

const journalCodes: ReadonlySet<string> = new Set(['journal_full', 'journal_failed'])

function isJournalFailure(error: unknown): boolean {
  return isOutpostError(error) && journalCodes.has(error.code)
}

/** The schema that the applier needs is not there: no transaction is to blame. */
const missingSchema = new Set(['42883', '3F000', '42P01'])

function configurationAlarm(error: unknown, isConfiguration: boolean): ApplierAlarm | undefined {
  if (missingSchema.has(sqlstateOf(error) ?? '')) {
    return {
      code: 'not_migrated',
      message: `Main lacks the Outpost schema: ${messageOf(error)}`,
      hint: 'Run `outpost migrate` against main.',
    }
  }
  if (!isConfiguration) return undefined
  return {
    code: 'configuration',
    message: `Main refuses the site: ${messageOf(error)}`,
    hint: 'Check user, password and grants of the site; see `grantSite`.',
  }
}
