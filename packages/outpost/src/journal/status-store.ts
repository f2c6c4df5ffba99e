import { OutpostError } from '../errors/outpost-error.ts'
import { canChange, type TransactionState, transactionStates } from '../transaction/state.ts'
import type { Seq } from '../transaction/transaction.ts'
import type { StatusChange, TransactionStatus } from './journal.ts'
import { StateBytes } from './state-bytes.ts'
import { type StatusRuns, spliceRuns, statusAt } from './status-runs.ts'

/** Seqs of one stored chunk of runs. */
const chunkSeqs = 256
/** Clean chunks kept decoded; dirty ones are kept until they are stored. */
const cachedChunks = 128

const buffered: TransactionStatus = { state: 'buffered' }
const gone: TransactionStatus = { state: 'gone' }

/** Where chunks of runs are kept: an LMDB database, or anything else with the same three calls. */
export interface ChunkSource {
  read(chunk: number): StatusRuns | undefined
  /** Every stored chunk in order. */
  all(): Iterable<readonly [chunk: number, runs: StatusRuns]>
}

interface CachedChunk {
  runs: StatusRuns
  /** Changed since it was last handed out by {@link StatusStore.takeDirty}. */
  isDirty: boolean
  /** Handed out, not yet known to be stored. */
  isLeaving: boolean
}

/**
 * What is known of each retained transaction: one byte of state in memory for every seq, details in chunks of runs
 * that are read on demand and written along with the next group commit. A crash may lose the newest details: the
 * ledger on main is the authority.
 */
export class StatusStore {
  readonly #source: ChunkSource
  readonly #states: StateBytes
  readonly #chunks = new Map<number, CachedChunk>()
  /** Chunks that exist in the source: every other one is all `buffered`. */
  readonly #stored = new Set<number>()
  readonly #dirty = new Set<number>()
  #first: Seq
  #last: Seq

  constructor(source: ChunkSource, first: Seq, last: Seq) {
    this.#source = source
    this.#first = first
    this.#last = last
    this.#states = new StateBytes(first)
    this.#states.extend(last - first + 1)
    for (const [chunk, runs] of source.all()) {
      this.#stored.add(chunk)
      for (const run of runs)
        this.#setStates(Math.max(run.from, first), Math.min(run.to, last), run.status.state)
    }
  }

  get hasDirty(): boolean {
    return this.#dirty.size > 0
  }

  /** New records came in: they are buffered. */
  extend(count: number): void {
    this.#last += count
    this.#states.extend(count)
  }

  state(seq: Seq): TransactionState {
    this.#refuseUnknown(seq)
    return seq < this.#first ? 'gone' : this.#states.get(seq)
  }

  status(seq: Seq): TransactionStatus {
    this.#refuseUnknown(seq)
    if (seq < this.#first) return gone
    return statusAt(this.#chunk(chunkOf(seq))?.runs ?? [], seq) ?? buffered
  }

  seqsIn(state: TransactionState, after: Seq, limit: number): readonly Seq[] {
    return this.#states.search(state, after, limit)
  }

  count(state: TransactionState): number {
    return state === 'gone' ? this.#first - 1 : this.#states.count(state)
  }

  /** All of the changes or, when one of them is not in the transition table, none. */
  set(changes: readonly StatusChange[]): void {
    for (const batch of withoutOverlap(changes)) {
      for (const change of batch) this.#check(change)
      for (const change of batch) this.#apply(change)
    }
  }

  /** Chunks to store now. Answer with {@link settled} when their commit succeeded or failed. */
  takeDirty(): readonly (readonly [chunk: number, runs: StatusRuns])[] {
    const taken = [...this.#dirty].map((chunk) => {
      const cached = this.#chunks.get(chunk)!
      cached.isDirty = false
      cached.isLeaving = true
      return [chunk, cached.runs] as const
    })
    this.#dirty.clear()
    return taken
  }

  settled(chunks: readonly (readonly [chunk: number, runs: StatusRuns])[], wereStored: boolean): void {
    for (const [chunk] of chunks) {
      const cached = this.#chunks.get(chunk)
      if (cached === undefined) continue
      if (wereStored) this.#stored.add(chunk)
      cached.isLeaving = false
      if (!wereStored) this.#markDirty(chunk, cached)
    }
    this.#evict()
  }

  /** Stored chunks that hold nothing any more once every seq before `first` is dropped. */
  chunksBefore(first: Seq): readonly number[] {
    const chunks: number[] = []
    for (let chunk = chunkOf(this.#first); chunk < chunkOf(first); chunk += 1) {
      if (this.#stored.has(chunk) || this.#chunks.get(chunk)?.isLeaving === true) chunks.push(chunk)
    }
    return chunks
  }

  /** Forgets every seq before `first`. */
  dropBefore(first: Seq): void {
    for (let chunk = chunkOf(this.#first); chunk < chunkOf(first); chunk += 1) {
      this.#chunks.delete(chunk)
      this.#dirty.delete(chunk)
      this.#stored.delete(chunk)
    }
    this.#states.dropBefore(first)
    this.#first = first
  }

  #check(change: StatusChange): void {
    const { from, to, status } = change
    if (!(from >= this.#first && from <= to && to <= this.#last)) {
      throw new OutpostError(
        'transaction_unknown',
        `A status was set for seqs ${from} to ${to}, but the journal holds ${this.#first} to ${this.#last}`,
      )
    }
    const wrong = this.#states.firstOutside(from, to, allowedBefore(status.state))
    if (wrong === undefined) return
    const state = this.#states.get(wrong)
    throw new OutpostError(
      'transition_refused',
      `Transaction ${wrong} is ${state} and cannot become ${status.state}`,
      { details: { seq: wrong, from: state, to: status.state } },
    )
  }

  #apply(change: StatusChange): void {
    for (let chunk = chunkOf(change.from); chunk <= chunkOf(change.to); chunk += 1) {
      const cached = this.#chunk(chunk) ?? this.#keep(chunk, [])
      const from = Math.max(change.from, chunk * chunkSeqs)
      const to = Math.min(change.to, chunk * chunkSeqs + chunkSeqs - 1)
      cached.runs = spliceRuns(cached.runs, { from, to, status: change.status })
      this.#markDirty(chunk, cached)
    }
    this.#setStates(change.from, change.to, change.status.state)
  }

  #setStates(from: Seq, to: Seq, state: TransactionState): void {
    for (let seq = from; seq <= to; seq += 1) this.#states.set(seq, state)
  }

  #chunk(chunk: number): CachedChunk | undefined {
    const cached = this.#chunks.get(chunk)
    if (cached !== undefined || !this.#stored.has(chunk)) return cached
    this.#evict()
    return this.#keep(chunk, this.#source.read(chunk) ?? [])
  }

  #keep(chunk: number, runs: StatusRuns): CachedChunk {
    const cached: CachedChunk = { runs, isDirty: false, isLeaving: false }
    this.#chunks.set(chunk, cached)
    return cached
  }

  #markDirty(chunk: number, cached: CachedChunk): void {
    cached.isDirty = true
    this.#dirty.add(chunk)
  }

  /** Oldest first; a chunk that is not stored yet stays, whatever the limit says. */
  #evict(): void {
    let excess = this.#chunks.size - this.#dirty.size - cachedChunks
    if (excess <= 0) return
    for (const [chunk, cached] of this.#chunks) {
      if (excess <= 0) return
      if (cached.isDirty || cached.isLeaving) continue
      this.#chunks.delete(chunk)
      excess -= 1
    }
  }

  #refuseUnknown(seq: Seq): void {
    if (Number.isSafeInteger(seq) && seq >= 1 && seq <= this.#last) return
    throw new OutpostError(
      'transaction_unknown',
      `No transaction has the number ${seq}: the newest is ${this.#last}`,
    )
  }
}

/** The chunk that holds what is known of this seq. */
export function chunkOf(seq: Seq): number {
  return Math.floor(seq / chunkSeqs)
}

const before = new Map<TransactionState, readonly boolean[]>()

/** Which states may change to this one; a state may always be confirmed with further details. */
function allowedBefore(state: TransactionState): readonly boolean[] {
  const known = before.get(state)
  if (known !== undefined) return known
  const allowed = transactionStates.map((from) => from === state || canChange(from, state))
  before.set(state, allowed)
  return allowed
}

/** Splits changes where one touches seqs of an earlier one, so that each batch can be checked before it is applied. */
function withoutOverlap(changes: readonly StatusChange[]): readonly (readonly StatusChange[])[] {
  const batches: StatusChange[][] = [[]]
  let highest = Number.NEGATIVE_INFINITY
  for (const change of changes) {
    if (change.from <= highest) {
      batches.push([])
      highest = Number.NEGATIVE_INFINITY
    }
    batches.at(-1)!.push(change)
    highest = Math.max(highest, change.to)
  }
  return batches
}
