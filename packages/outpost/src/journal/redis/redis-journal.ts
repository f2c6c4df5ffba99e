import type { Clock } from '../../clock/clock.ts'
import { OutpostError } from '../../errors/outpost-error.ts'
import type { Epoch, Seq, TransactionDraft, TransactionRecord } from '../../transaction/transaction.ts'
import { keptAnswerMs } from '../idempotent-hit.ts'
import type { AppendCondition, Journal, JournalSharing, StatusChange } from '../journal.ts'
import { recordOf } from '../record-codec.ts'
import { AppendQueue, outcomeOf, type Stored, type WaitingDraft } from './append-queue.ts'
import { dropInSlices } from './drop.ts'
import { Lead } from './lead.ts'
import {
  append,
  changeStatus,
  drop,
  foldChanges,
  openEpoch,
  releaseLead,
  type Script,
  setFact,
  takeLead,
} from './lua.ts'
import { RedisReader } from './redis-reader.ts'
import { listOf, parseNews, type Reply } from './replies.ts'
import type { SharedView } from './shared-view.ts'
import { StatusWriter } from './status-writer.ts'

/** Newest records that an append is compared with at most; an older look is an overtaken one. */
const longestTail = 2_000
/** Changes of status after which they are folded into their chunks. */
const foldEvery = 500
/** Changes kept beyond those folded, for processes that are a little behind. */
const keptChanges = 2_000

type DurableListener = (records: readonly TransactionRecord[]) => void
type ChangeListener = (changes: readonly StatusChange[]) => void | Promise<void>

export interface RedisJournalParts {
  readonly clock: Clock
  readonly author: string
  readonly maxBytes: number
  /** The last part of {@link maxBytes}, which only critical appends may use. */
  readonly reserveBytes: number
  readonly patienceMs: number
  /** How long a leader that says nothing keeps the lead. */
  readonly leadMs: number
  readonly makeEpoch: () => Epoch
}

/** A process's hold on the journal that it shares with others. States: open → failed → stopped, or open → stopped. */
export class RedisJournal extends RedisReader implements Journal {
  readonly sharing: JournalSharing
  readonly #parts: RedisJournalParts
  readonly #queue: AppendQueue
  readonly #lead: Lead
  readonly #writer: StatusWriter
  readonly #durable = new Set<DurableListener>()
  readonly #changed = new Set<ChangeListener>()
  /** What came in from others before anybody listened. */
  #early: { records: TransactionRecord[]; changes: StatusChange[] } = { records: [], changes: [] }
  #foldedChange: number
  #newestSerial = 0
  #drops: Promise<void> = Promise.resolve()
  #isFull: OutpostError | undefined
  #stopped: Promise<void> | undefined

  constructor(view: SharedView, parts: RedisJournalParts) {
    super({ view, nowMs: () => parts.clock.nowMs() })
    this.#parts = parts
    const { clock, patienceMs, leadMs } = parts
    const isUpWithin = (ms: number) => view.link.isUpWithin(ms)
    this.#queue = new AppendQueue({
      clock,
      patienceMs,
      isUpWithin,
      outage: () => view.link.outage,
      send: (drafts) => this.#append(drafts),
    })
    this.#writer = new StatusWriter({
      clock,
      isUpWithin,
      send: (serial, changes) => this.#storeChanges(serial, changes),
    })
    this.#lead = new Lead({ clock, renewMs: leadMs / 3, take: () => this.#takeLead() })
    this.#lead.onChange((isLeading) => {
      if (isLeading) return
      this.#writer.forget()
      view.distrustStatuses()
    })
    this.#foldedChange = view.mirror.change
    this.sharing = this.#makeSharing()
  }

  /** Takes the lead when it is free, and follows what others do from now on. */
  async start(): Promise<void> {
    await this.#lead.ask()
    this.#lead.start()
  }

  get epoch(): Epoch {
    return this.epochs.at(-1)!.epoch
  }

  /** With a fallback, what Redis may lose is in the copy. */
  get durability(): 'full' | 'relaxed' {
    return this.view.link.fallback === undefined ? this.view.durability : 'full'
  }

  append(draft: TransactionDraft, condition: AppendCondition = {}): Promise<TransactionRecord> {
    if (this.#stopped !== undefined) return Promise.reject(stopped())
    return this.#queue.append(draft, this.#parts.clock.nowMs(), condition)
  }

  onDurable(listener: DurableListener): () => void {
    this.#durable.add(listener)
    const early = this.#early.records
    this.#early.records = []
    if (early.length > 0) listener(early)
    return () => this.#durable.delete(listener)
  }

  async catchUp(): Promise<void> {
    this.refuseClosed()
    await this.view.catchUp()
  }

  appendRefusal(): OutpostError | undefined {
    const refusal = this.#queue.refusal() ?? this.view.link.outage?.reason ?? this.#isFull
    if (refusal !== undefined) return refusal
    const { bytes } = this.view.mirror
    const { maxBytes } = this.#parts
    if (bytes < maxBytes) return undefined
    return new OutpostError('journal_full', `The journal holds ${bytes} bytes and its limit is ${maxBytes}`)
  }

  async setStatus(changes: readonly StatusChange[]): Promise<void> {
    this.#refuseStopped()
    if (!this.#lead.isLeading) throw notLeading()
    this.view.mirror.setStatus(changes)
    this.#writer.add(changes)
  }

  async drop(through: Seq): Promise<void> {
    this.#refuseStopped()
    const dropped = this.#drops.then(() =>
      dropInSlices(
        this.view.mirror,
        through,
        this.#parts.clock,
        (from, to) => this.entries(from, to),
        (args) => this.#runLeading(drop, args),
      ),
    )
    this.#drops = dropped.catch(() => undefined)
    await dropped
  }

  async openEpoch(): Promise<Epoch> {
    this.#refuseStopped()
    const epoch = this.#parts.makeEpoch()
    await this.#runLeading(openEpoch, [epoch])
    await this.view.catchUp()
    return epoch
  }

  async setFact(name: string, value: string): Promise<void> {
    this.#refuseStopped()
    await this.#runLeading(setFact, [name, value])
    await this.view.catchUp()
  }

  override stop(): Promise<void> {
    this.#stopped ??= this.#close()
    return this.#stopped
  }

  /** Records of others have come in. */
  tell(records: readonly TransactionRecord[]): void {
    if (this.#durable.size === 0) this.#early.records.push(...records)
    this.#tellListeners(records)
  }

  /** Statuses were changed by others. */
  async tellChanges(changes: readonly StatusChange[]): Promise<void> {
    if (this.#changed.size === 0) this.#early.changes.push(...changes)
    for (const listener of this.#changed) await listener(changes)
  }

  /** Something was published: folded at once, so that whoever waits for it hears of it. */
  newsCame(): void {
    this.#lead.wake()
    // One that cannot be asked says so to those who ask it next.
    this.view.catchUp().catch(() => undefined)
  }

  /** Statuses are loaded anew: what was not sent is in none of them. */
  forgetUnsent(): void {
    this.#writer.forget()
  }

  fail(error: OutpostError): void {
    this.#queue.fail(error)
  }

  async #append(drafts: readonly WaitingDraft[]): Promise<readonly Stored[] | undefined> {
    const { clock, maxBytes, reserveBytes } = this.#parts
    const limit = Number.isFinite(maxBytes) ? maxBytes : Number.MAX_SAFE_INTEGER
    const args = [limit, longestTail, clock.nowMs(), keptAnswerMs, limit - reserveBytes].map(String)
    const [lacked, results] = await this.view
      .run(append, [...this.view.place, ...args, ...drafts.flatMap(({ texts }) => texts)])
      .catch((error: OutpostError) => {
        if (error.code === 'journal_full') this.#isFull = error
        throw error
      })
    this.#isFull = undefined
    const others = this.view.take(parseNews(lacked))
    const outcomes = listOf(results).map((result) => outcomeOf(result))
    if (outcomes.length === 0) {
      this.tell(others)
      await this.view.catchUp()
      return undefined
    }
    return this.#takeIn(drafts, outcomes, others)
  }

  #takeIn(
    drafts: readonly WaitingDraft[],
    outcomes: readonly ReturnType<typeof outcomeOf>[],
    others: readonly TransactionRecord[],
  ): readonly Stored[] {
    const { mirror } = this.view
    const fresh = [...others]
    const stored = outcomes.map((outcome, index): Stored => {
      const { draft, bufferedAtMs, texts } = drafts[index]!
      if (typeof outcome === 'string') return outcome
      const record = mirror.add(draft, outcome, bufferedAtMs)
      // Sent before: its record has come in as any other.
      if (record === undefined) return recordOf(draft, outcome, this.#epochOf(outcome), bufferedAtMs)
      mirror.bytes += Buffer.byteLength(texts[3]!)
      fresh.push(record)
      return record
    })
    if (fresh.length > 0) this.#tellListeners(fresh)
    return stored
  }

  #epochOf(seq: Seq): Epoch {
    return (this.epochs.findLast(({ from }) => from <= seq) ?? this.epochs[0]!).epoch
  }

  #tellListeners(records: readonly TransactionRecord[]): void {
    for (const listener of this.#durable) {
      try {
        listener(records)
      } catch (error) {
        // The records are durable whatever a listener does: their appends resolve, and the fault surfaces by itself.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  async #storeChanges(serial: number, changes: readonly StatusChange[]): Promise<boolean> {
    const { mirror } = this.view
    // Sent again it may have been loaded meanwhile.
    if (serial > this.#newestSerial) mirror.expect(serial)
    this.#newestSerial = serial
    try {
      const [change] = await this.#runLeading(changeStatus, [String(serial), JSON.stringify(changes)])
      mirror.stored(serial, Number(change))
    } catch (error) {
      if ((error as OutpostError).code === 'not_leading') return false
      throw error
    }
    // Only a mirror without changes of its own on their way is what Redis has at this change.
    if (this.#writer.isClean && this.view.mirror.change - this.#foldedChange >= foldEvery) await this.#fold()
    return true
  }

  async #fold(): Promise<void> {
    const { mirror } = this.view
    const { change } = mirror
    const chunks = mirror.takeChangedChunks()
    const kept = Math.max(1, change - keptChanges + 1)
    const texts = chunks.flatMap(([chunk, runs]) => [String(chunk), JSON.stringify(runs)])
    try {
      await this.#runLeading(foldChanges, [String(change), String(kept), ...texts])
      this.#foldedChange = change
    } catch {
      // Nothing is lost: the changes themselves are there still, and the next fold takes these chunks along.
      mirror.putBackChangedChunks(chunks)
    }
  }

  async #takeLead(): Promise<number | undefined> {
    const reply = await this.view.run(takeLead, [this.#parts.author, String(this.#parts.leadMs)])
    return reply[0] === 'held' ? undefined : Number(reply[0])
  }

  /** A script that only the leader may run; answers what follows the term. Errors: `not_leading`. */
  async #runLeading(script: Script, args: readonly string[]): Promise<readonly Reply[]> {
    const reply = await this.view.run(script, [this.#parts.author, String(this.#parts.leadMs), ...args])
    const isHeld = reply[0] === 'held'
    this.#lead.note(isHeld ? undefined : Number(reply[0]))
    if (isHeld) throw notLeading()
    return reply.slice(1)
  }

  #makeSharing(): JournalSharing {
    const lead = this.#lead
    const { link } = this.view
    return {
      get isLeading() {
        return lead.isLeading
      },
      get isConnected() {
        return link.isServerUp
      },
      get fallback() {
        return link.fallback
      },
      onLead: (listener) => lead.onChange(listener),
      onStatus: (listener) => {
        this.#changed.add(listener)
        const early = this.#early.changes
        this.#early.changes = []
        // Taken in before anybody hears that it has caught up, like all others.
        if (early.length > 0) this.view.putOff(early)
        return () => this.#changed.delete(listener)
      },
    }
  }

  async #close(): Promise<void> {
    await this.#queue.settled()
    await this.#drops
    await this.#lead.stop()
    await this.#writer.stop()
    if (this.#lead.isLeading && this.view.link.isUp) {
      if (this.view.mirror.change > this.#foldedChange) await this.#fold()
      // Whoever is left waits for the lead to expire when this fails.
      await this.view.run(releaseLead, [this.#parts.author]).catch(() => undefined)
    }
    await super.stop()
  }

  #refuseStopped(): void {
    if (this.#stopped !== undefined) throw stopped()
  }
}

function notLeading(): OutpostError {
  return new OutpostError(
    'not_leading',
    'Another process of the site leads: it drains the journal and writes statuses',
  )
}

function stopped(): OutpostError {
  return new OutpostError('site_stopped', 'The journal is closed and takes no more writes')
}
