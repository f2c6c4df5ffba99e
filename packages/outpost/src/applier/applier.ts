import { OutpostError } from '../errors/outpost-error.ts'
import type { Epoch, Seq } from '../transaction/transaction.ts'
import { Activity, type Rest } from './activity.ts'
import { Alarms } from './alarms.ts'
import { fencedAlarm, ledgerAlarm, rejectionsAlarm, strangerAlarm } from './applier-alarms.ts'
import type { ApplierOptions, ApplierState } from './applier-options.ts'
import type { Contact } from './contact.ts'
import { EpochMoves } from './epoch-moves.ts'
import { Gathering } from './gathering.ts'
import { Greeting } from './greeting.ts'
import { IdleTurn } from './idle-turn.ts'
import type { FinishedCall, HelloAnswer, MainSession } from './main-session.ts'
import { Parking } from './parking.ts'
import { Reconciler } from './reconciler.ts'
import { Recovery } from './recovery.ts'
import { Sender, type SendResult } from './sender.ts'

type Welcome = Extract<HelloAnswer, { readonly kind: 'welcome' }>

/** What a turn came to: another one over the same connection, a new hello, or that after a rest. */
type Turn = 'again' | 'greet' | Rest

/**
 * Drains the journal into main.
 *
 * States: stopped → `start()` → waiting ⇄ running ⇄ idle, blocked while somebody must act → `stop()` → stopped.
 * Invariants: what is committed on main is always a beginning of what was sent; before anything is sent over a new connection, everything retained was
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
  readonly #activity: Activity
  readonly #alarms: Alarms
  readonly #parking: Parking
  readonly #sender: Sender
  readonly #reconciler: Reconciler
  readonly #greeting: Greeting
  readonly #idleTurn: IdleTurn
  readonly #recovery: Recovery
  readonly #gathering: Gathering
  #stopping = new AbortController()
  #running: Promise<void> | undefined
  #session: MainSession | undefined
  #link: 'connected' | 'unreachable' | undefined

  constructor(options: ApplierOptions) {
    const { site, journal, clock } = options
    this.#options = options
    this.#activity = new Activity(clock)
    this.#alarms = new Alarms(options.onAlarm)
    const moves = new EpochMoves(journal)
    this.#parking = new Parking(journal, options.decided)
    this.#sender = new Sender(options, moves, this.#parking)
    this.#reconciler = new Reconciler(options, moves, this.#parking, this.#sender)
    this.#greeting = new Greeting(site, journal)
    this.#gathering = new Gathering({
      journal,
      clock,
      gatherMs: options.gatherMs ?? 0,
      reached: () => this.#sender.reached,
    })
    this.#idleTurn = new IdleTurn(options, this.#sender, this.#activity)
    const onUnreachable = (reason: string) => this.#noteLink('unreachable', reason)
    this.#recovery = new Recovery(options, this.#sender, this.#parking, this.#alarms, onUnreachable)
  }

  get state(): ApplierState {
    return this.#activity.state
  }

  start(): void {
    if (this.#running !== undefined) return
    this.#stopping = new AbortController()
    this.#activity.start()
    this.#running = this.#run()
  }

  /** Ends the connection and returns when the loop has ended; what was sent and not answered is found at restart. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#activity.end()
    await this.#session?.close()
    await this.#running
    this.#running = undefined
    this.#activity.stopped()
  }

  /** Something was appended: an idle applier sends it at once. */
  wake(): void {
    this.#activity.wake()
  }

  /**
   * The operator's word that the cause of a block is mended: try again now. After ten equal rejections (N11) nothing
   * else ends the block but a restart. Throws `nothing_to_resume` unless the applier is blocked.
   */
  resume(): void {
    if (this.state.kind !== 'blocked') {
      throw new OutpostError(
        'nothing_to_resume',
        `The applier is ${this.state.kind}, so there is nothing to resume.`,
      )
    }
    this.#sender.reset()
    this.#alarms.settle()
    this.#activity.resume()
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

  /** Transactions that fail again and again alone (N11), oldest first. */
  get stuck(): readonly Seq[] {
    return this.#parking.stuck
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
    const isRefused = this.state.kind === 'blocked' && this.state.alarm.code === 'lineage_refused'
    if (!isRefused || !this.#greeting.accept()) {
      throw new OutpostError('nothing_to_accept', 'Main is not refused, so there is nothing to accept.')
    }
    this.resume()
  }

  /** N3: a decision has been recorded; what waited for these waits for it. */
  takeOver(decided: readonly Seq[], by: Seq): void {
    this.#parking.takeOver(decided, by)
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const rest = await this.#meet().catch((error: unknown) => this.#afterError(error))
      await this.#drop()
      if (rest !== undefined && !this.#stopping.signal.aborted) await this.#activity.rest(rest)
    }
  }

  async #afterError(error: unknown): Promise<Rest | undefined> {
    // A connection that breaks because the applier stops is no news.
    return this.#stopping.signal.aborted ? undefined : await this.#recovery.afterError(error)
  }

  /** One contact from hello to its end; answers the rest that is due before the next one. */
  async #meet(): Promise<Rest | undefined> {
    const { clock, journal } = this.#options
    const session = await this.#options.openSession(this.#stopping.signal)
    this.#session = session
    const startedMs = clock.monotonicMs()
    const { epoch } = journal
    const answer = await this.#greeting.hello(session)
    const { roundTripMs = clock.monotonicMs() - startedMs } = answer.kind === 'welcome' ? answer : {}
    this.#sender.noteRoundTrip(roundTripMs)
    switch (answer.kind) {
      case 'recovery':
        throw new OutpostError('main_unreachable', 'Main is in recovery: it takes no writes for the moment.')
      case 'stranger':
        return this.#recovery.block(strangerAlarm(answer))
      case 'ledger':
        return this.#recovery.block(ledgerAlarm(answer.major))
      case 'fenced':
        await journal.openEpoch()
        return this.#recovery.afterFence()
      case 'welcome':
        return await this.#serve(await this.#welcomed(session, epoch, answer))
    }
  }

  async #welcomed(session: MainSession, epoch: Epoch, answer: Welcome): Promise<Contact> {
    const { term, lineage, lineageLsn, chain, position, isRedriven } = answer
    const comparedThrough = this.#options.journal.lastSeq
    const isChanged = this.#greeting.remembered !== lineage
    this.#sender.greeted()
    const redriven = await this.#reconciler.compare(session)
    if (isChanged) await this.#greeting.remember(lineage)
    await this.#options.onLineage?.({ lineage, lineageLsn, chain, isChanged, redriven })
    this.#noteLink('connected')
    this.#options.onPosition?.(position)
    const heardMs = this.#options.clock.monotonicMs()
    return { session, term, epoch, lineage, comparedThrough, isRedriven, position, heardMs }
  }

  /** Sends while there is something to send; returns when a new hello is needed, with the rest before it. */
  async #serve(contact: Contact): Promise<Rest | undefined> {
    while (!this.#stopping.signal.aborted) {
      this.#activity.beginTurn()
      await this.#reconciler.releaseStuck()
      const { restMs } = this.#gathering
      if (restMs > 0) await this.#activity.pause(restMs)
      // Another process of the site, or Redis started again, has opened one: main must hear of it first.
      if (this.#activity.isEnding || this.#options.journal.epoch !== contact.epoch) return undefined
      const startedMs = this.#options.clock.monotonicMs()
      const result = await this.#sender.send(contact)
      if (result.kind !== 'idle') this.#gathering.noteSent(startedMs)
      const turn = await this.#act(result, contact)
      if (turn !== 'again') return turn === 'greet' ? undefined : turn
    }
    return undefined
  }

  async #act(result: SendResult, contact: Contact): Promise<Turn> {
    switch (result.kind) {
      case 'idle':
        return (await this.#idleTurn.take(contact)) ? 'again' : 'greet'
      case 'lineage':
        return 'greet'
      case 'early':
      case 'schema':
        return 'again'
      case 'gap':
        await this.#reconciler.compare(contact.session)
        return 'again'
      case 'fenced':
        return this.#recovery.afterFence()
      case 'done':
        return await this.#afterCall(result.answer, contact)
    }
  }

  async #afterCall(answer: FinishedCall, contact: Contact): Promise<Turn> {
    this.#recovery.succeeded()
    contact.position = answer.position
    contact.heardMs = this.#options.clock.monotonicMs()
    this.#options.onPosition?.(answer.position)
    if (answer.stopped === 'streak') return this.#recovery.block(rejectionsAlarm(answer.streaks.at(-1)), true)
    if (answer.takenEpoch === undefined) return 'again'
    await this.#reconciler.moveEpoch(answer.takenEpoch)
    this.#alarms.raise(fencedAlarm)
    return 'greet'
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
}
