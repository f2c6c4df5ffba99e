import { isOutpostError } from '../../errors/outpost-error.ts'
import type { Seq, TransactionDraft, TransactionRecord } from '../../transaction/transaction.ts'
import { epochOf } from '../epoch-table.ts'
import type { EpochRange, StatusChange } from '../journal.ts'
import { decodeRecord, recordOf } from '../record-codec.ts'
import type { StatusRuns } from '../status-runs.ts'
import { chunkOf, StatusStore } from '../status-store.ts'
import type { News, StoredRecord } from './replies.ts'

/** What came in that this process did not do itself. */
export interface Foreign {
  readonly records: readonly TransactionRecord[]
  readonly changes: readonly StatusChange[]
  /** What is known of statuses does not lead to what Redis says: they must be loaded anew. */
  readonly mustReload: boolean
}

/**
 * What this process knows of the journal: everything but the records themselves, so that the synchronous questions can
 * be answered. Invariant: holds exactly what Redis held up to `lastSeq` and `change`, and the changes of its own that
 * are still on their way.
 */
export class Mirror {
  firstSeq: Seq
  lastSeq: Seq
  /** Transaction at `lastSeq`: by it a Redis that lost its tail is recognised. */
  lastId = ''
  bytes = 0
  epochs: readonly EpochRange[] = []
  facts: ReadonlyMap<string, string> = new Map()
  /** Of epochs and facts; -1 before they were read. */
  version = -1
  /** Number of the newest change of status that is folded. */
  change: number
  readonly #author: string
  #chunks: Map<number, StatusRuns>
  #statuses: StatusStore
  /** Serials of this process's own changes that are in here and have not been counted in `change`. */
  readonly #own = new Set<string>()
  /** Loaded, with changes still to follow: one that does not follow says what a leader of the past believed. */
  #isLoaded = true
  /** Chunks that changed since this process last stored them. */
  readonly #changedChunks = new Set<number>()

  constructor(author: string, loaded: LoadedStatuses) {
    this.#author = author
    this.firstSeq = loaded.firstSeq
    this.lastSeq = loaded.lastSeq
    this.change = loaded.change
    this.#chunks = new Map(loaded.chunks)
    this.#statuses = this.#makeStatuses()
  }

  get statuses(): Omit<StatusStore, 'set' | 'extend' | 'dropBefore' | 'takeDirty' | 'settled'> {
    return this.#statuses
  }

  /** All of the changes or, when one is not in the transition table, none. */
  setStatus(changes: readonly StatusChange[]): void {
    this.#statuses.set(changes)
    this.#keepChunks()
  }

  /** Folds what others did; what is known already is left out. */
  fold(news: News): Foreign {
    if (news.known !== undefined && news.version >= this.version) {
      this.version = news.version
      this.epochs = news.known.epochs
      this.facts = news.known.facts
    }
    const records = news.records
      .filter(({ seq }) => seq > this.lastSeq)
      .map((stored) => this.recordOf(stored))
    this.dropThrough(news.firstSeq - 1)
    this.#extend(records)
    this.bytes = news.bytes
    const changes: StatusChange[] = []
    for (const { number, changes: made, by, serial } of news.changes) {
      if (number <= this.change) continue
      this.change = number
      const isHere = by === this.#author && this.#own.delete(serial)
      // A change may speak of what was dropped since.
      if (!isHere) changes.push(...made.flatMap((change) => this.#clipped(change)))
    }
    if (this.#isLoaded)
      return { records, changes: this.#followLoaded(changes, news), mustReload: news.mustReload }
    const isRefused = changes.length > 0 && !this.#follows(changes)
    return { records, changes: isRefused ? [] : changes, mustReload: isRefused || news.mustReload }
  }

  /** Changes of this process, which are in here already, are about to be stored under this serial. */
  expect(serial: number): void {
    this.#own.add(String(serial))
  }

  /** They are stored as this change; counted here unless others come before, or statuses were loaded since. */
  stored(serial: number, change: number): void {
    if (change !== this.change + 1 || !this.#own.delete(String(serial))) return
    this.change = change
  }

  /** Takes in a draft that has become durable; undefined when it is known already. */
  add(draft: TransactionDraft, seq: Seq, bufferedAtMs: number): TransactionRecord | undefined {
    if (seq <= this.lastSeq) return undefined
    const record = recordOf(draft, seq, epochOf(this.epochs, seq), bufferedAtMs)
    this.#extend([record])
    return record
  }

  recordOf({ seq, bufferedAtMs, body }: StoredRecord): TransactionRecord {
    return decodeRecord(body, seq, epochOf(this.epochs, seq), bufferedAtMs)
  }

  dropThrough(through: Seq): void {
    if (through < this.firstSeq) return
    // What came and went while this process looked elsewhere.
    if (through > this.lastSeq) this.#extendTo(through)
    this.#statuses.dropBefore(through + 1)
    this.firstSeq = through + 1
    for (const chunk of this.#chunks.keys()) {
      if (chunk >= chunkOf(this.firstSeq)) continue
      this.#chunks.delete(chunk)
      this.#changedChunks.delete(chunk)
    }
  }

  /** Chunks that hold nothing but what lies before this seq. */
  chunksBefore(first: Seq): readonly number[] {
    return [...this.#chunks.keys()].filter((chunk) => chunk < chunkOf(first))
  }

  /** What changed since the last time, with all of its runs. */
  takeChangedChunks(): readonly (readonly [number, StatusRuns])[] {
    const taken = [...this.#changedChunks].map((chunk) => [chunk, this.#chunks.get(chunk) ?? []] as const)
    this.#changedChunks.clear()
    return taken
  }

  putBackChangedChunks(chunks: readonly (readonly [number, StatusRuns])[]): void {
    for (const [chunk] of chunks) this.#changedChunks.add(chunk)
  }

  /** Takes the statuses that Redis has, which speak of nothing newer than `lastSeq`, for those known so far. */
  reload(loaded: LoadedStatuses): void {
    this.dropThrough(loaded.firstSeq - 1)
    this.#chunks = new Map(loaded.chunks)
    this.#changedChunks.clear()
    this.#own.clear()
    this.#isLoaded = true
    this.change = loaded.change
    this.#statuses = this.#makeStatuses()
  }

  /** How the statuses differ from these earlier ones. */
  changesSince(before: Pick<StatusStore, 'state'>): readonly StatusChange[] {
    const changes: StatusChange[] = []
    for (let seq = this.firstSeq; seq <= this.lastSeq; seq += 1) {
      if (before.state(seq) === this.#statuses.state(seq)) continue
      changes.push({ from: seq, to: seq, status: this.#statuses.status(seq) })
    }
    return changes
  }

  #makeStatuses(): StatusStore {
    const chunks = this.#chunks
    return new StatusStore(
      { read: (chunk) => chunks.get(chunk), all: () => chunks },
      this.firstSeq,
      this.lastSeq,
    )
  }

  /** One by one: what does not follow is left out, because main knows better than any of them. */
  #followLoaded(changes: readonly StatusChange[], { isWhole }: News): readonly StatusChange[] {
    this.#isLoaded = !isWhole
    return changes.filter((change) => this.#follows([change]))
  }

  #follows(changes: readonly StatusChange[]): boolean {
    try {
      this.setStatus(changes)
      return true
    } catch (error) {
      if (isOutpostError(error)) return false
      throw error
    }
  }

  #clipped(change: StatusChange): readonly StatusChange[] {
    const from = Math.max(change.from, this.firstSeq)
    return from > change.to ? [] : [{ ...change, from }]
  }

  #extend(records: readonly TransactionRecord[]): void {
    const last = records.at(-1)
    if (last === undefined) return
    this.#extendTo(last.seq)
    this.lastId = last.id
  }

  #extendTo(last: Seq): void {
    this.#statuses.extend(last - this.lastSeq)
    this.lastSeq = last
  }

  /** The store writes behind; here its place is this process's own memory. */
  #keepChunks(): void {
    const dirty = this.#statuses.takeDirty()
    for (const [chunk, runs] of dirty) {
      this.#chunks.set(chunk, runs)
      this.#changedChunks.add(chunk)
    }
    this.#statuses.settled(dirty, true)
  }
}

/** Statuses as Redis has them: every change up to `change` is in the chunks. */
export interface LoadedStatuses {
  readonly firstSeq: Seq
  readonly lastSeq: Seq
  readonly change: number
  readonly chunks: readonly (readonly [number, StatusRuns])[]
}
