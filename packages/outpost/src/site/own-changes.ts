import type { ApplierAlarm } from '../applier/applier-options.ts'
import { backoffMs } from '../applier/backoff.ts'
import { messageOf } from '../applier/journal-alarm.ts'
import type { Clock } from '../clock/clock.ts'
import type { Journal } from '../journal/journal.ts'
import type { Catalog, Table } from '../postgres/catalog.ts'
import { hash64 } from '../transaction/hash64.ts'
import type { Operation, TextRow } from '../transaction/operation.ts'
import { rowKey } from '../transaction/row-key.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'

export interface OwnChangesOptions {
  readonly journal: Pick<Journal, 'catchUp' | 'getMany' | 'status' | 'firstSeq' | 'lastSeq'>
  readonly catalog: () => Catalog
  readonly clock: Clock
  /** Rows remembered at least, those changed last; at most thrice as many. Default 50,000. */
  readonly rows?: number
  /** Operations looked through at a start. Default 200,000. */
  readonly operationsAtStart?: number
  /** The journal could not be read back; tried again. Raised once. */
  readonly onAlarm?: (alarm: ApplierAlarm) => void
}

/** Changes remembered of one row. */
const changesPerRow = 8
/** Records read at once when the journal is looked through. */
const chunkSize = 64
/** Between the tries to read the journal back. */
const retry = { firstMs: 1_000, capMs: 60_000 }

/** Neither refused nor held back nor given up: main has them or will. */
const inForce: ReadonlySet<TransactionState> = new Set(['buffered', 'applied', 'replicated', 'retained'])

/**
 * Which transactions changed a row, for the rows that this site changed last: so that what it acknowledged is known
 * also after it left the overlay and while no database answers (N22). Only numbers are kept; the changes are read
 * from the journal, which retains them, and so is the memory itself after a restart.
 *
 * Invariant: the seqs of a row are in descending order, and none of its changes between two of them is left out.
 * A journal that cannot be read back makes the memory shorter, and nothing else: no recording waits for the next try.
 */
export class OwnChanges {
  readonly #options: OwnChangesOptions
  readonly #hash = new Uint32Array(2)
  /**
   * By hash of the row's key, in two generations: when the young one is full it becomes the old one, and what was old
   * is forgotten. Nothing is ever taken out singly, which a large Map is slow at.
   */
  #young = new Map<number, readonly Seq[]>()
  #old: ReadonlyMap<number, readonly Seq[]> = new Map()
  #firstTry: Promise<boolean> = Promise.resolve(true)
  #tries: Promise<void> = Promise.resolve()
  #stopping = new AbortController()

  constructor(options: OwnChangesOptions) {
    this.#options = options
  }

  /** Reads back what the journal has, newest first, while others work. */
  start(): void {
    this.#firstTry = this.#tryReadBack(true)
    this.#tries = this.#untilReadBack()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#tries
  }

  /** New durable records, in order. */
  add(records: readonly TransactionRecord[]): void {
    for (const { seq, operations } of records) {
      for (const hash of this.#changed(operations)) this.#put(hash, [seq, ...this.#seqsOf(hash)])
    }
  }

  /**
   * The columns that this site's changes of the row have set, of those that are in force; undefined when none is
   * remembered. Waits, right after a restart, until the journal was looked through once. Errors: those of the journal
   * about the changes of this row.
   */
  async of(table: Table, key: TextRow): Promise<TextRow | undefined> {
    const { journal } = this.#options
    await journal.catchUp()
    await this.#firstTry
    const name = rowKey(table, key)
    const seqs = name === undefined ? [] : this.#seqsOf(this.#hashOf(name))
    const records = await journal.getMany(seqs.filter((seq) => inForce.has(journal.status(seq).state)))
    const operations = [...records].reverse().flatMap((record) => record.operations)
    return foldChanges(operations.filter((operation) => nameOf(operation, table) === name))
  }

  async #untilReadBack(): Promise<void> {
    const { signal } = this.#stopping
    let isDone = await this.#firstTry
    for (let failures = 1; !isDone && !signal.aborted; failures += 1) {
      await this.#options.clock.sleep(backoffMs(failures, 1, retry), signal)
      isDone = await this.#tryReadBack(false)
    }
  }

  /** True when the journal was looked through; of one that fails on the way, what is newer than that is remembered. */
  async #tryReadBack(isFirst: boolean): Promise<boolean> {
    const found = new Map<number, readonly Seq[]>()
    try {
      await this.#readBack(found)
      return true
    } catch (error) {
      if (isFirst) this.#options.onAlarm?.(notReadBack(error))
      return false
    } finally {
      this.#takeBack(found)
    }
  }

  async #readBack(found: Map<number, readonly Seq[]>): Promise<void> {
    const { journal, operationsAtStart = 200_000 } = this.#options
    let left = operationsAtStart
    for (
      let to = journal.lastSeq;
      to >= journal.firstSeq && left > 0 && found.size < this.#limit;
      to -= chunkSize
    ) {
      if (this.#stopping.signal.aborted) return
      const seqs = Array.from({ length: Math.min(chunkSize, to) }, (_, index) => to - index)
      for (const { seq, operations } of await journal.getMany(seqs)) {
        left -= operations.length
        for (const hash of this.#changed(operations))
          found.set(hash, bounded([...(found.get(hash) ?? []), seq]))
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Some of `found` may be remembered already; the rest is older than what was added meanwhile. */
  #takeBack(found: Map<number, readonly Seq[]>): void {
    for (const [hash, seqs] of this.#old) found.set(hash, merged(seqs, found.get(hash)))
    for (const [hash, seqs] of this.#young) {
      const elder = found.get(hash)
      if (elder !== undefined) this.#young.set(hash, merged(seqs, elder))
    }
    this.#old = found
  }

  #seqsOf(hash: number): readonly Seq[] {
    return this.#young.get(hash) ?? this.#old.get(hash) ?? []
  }

  #put(hash: number, seqs: readonly Seq[]): void {
    if (this.#young.size >= this.#limit && !this.#young.has(hash)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(hash, bounded(seqs))
  }

  /** Hashes of the rows that these operations change; of an insert the row itself tells nothing that a check needs. */
  #changed(operations: readonly Operation[]): ReadonlySet<number> {
    const hashes = new Set<number>()
    for (const operation of operations) {
      const table = this.#options.catalog().tables.get(operation.table)
      const name = table && nameOf(operation, table)
      if (name !== undefined) hashes.add(this.#hashOf(name))
    }
    return hashes
  }

  /** 53 bits: a number that a Map takes as it is. Rows whose hashes meet only share the places of their seqs. */
  #hashOf(name: string): number {
    hash64(name, this.#hash)
    return (this.#hash[0]! & 0x1fffff) * 0x100000000 + this.#hash[1]!
  }

  get #limit(): number {
    return this.#options.rows ?? 50_000
  }
}

const bounded = (seqs: readonly Seq[]): readonly Seq[] => seqs.slice(0, changesPerRow)

const merged = (seqs: readonly Seq[], more: readonly Seq[] = []): readonly Seq[] =>
  bounded([...new Set([...seqs, ...more])].sort((a, b) => b - a))

function notReadBack(failure: unknown): ApplierAlarm {
  return {
    code: 'journal',
    message: `What this site changed before its start could not be read back from the journal: ${messageOf(failure)}`,
    hint: 'Look at its disk. It is tried again by itself; until then these changes are not known while no database answers.',
  }
}

/** The changed row's name; undefined for an insert, and for a row of another table. */
function nameOf(operation: Operation, table: Table): string | undefined {
  if (operation.kind === 'insert' || operation.table !== table.name) return undefined
  return rowKey(table, operation.key)
}

/** Pure: operations on one row, oldest first. What was set before a delete is gone with the row. */
function foldChanges(operations: readonly Operation[]): TextRow | undefined {
  let set: TextRow | undefined
  for (const operation of operations) {
    if (operation.kind === 'update') set = { ...set, ...operation.set }
    else set = undefined
  }
  return set
}
