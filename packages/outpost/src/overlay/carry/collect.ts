import type { TextRow } from '../../transaction/operation.ts'
import type { Seq, TransactionRecord } from '../../transaction/transaction.ts'
import { ByteWriter } from '../encode/byte-writer.ts'
import type { ItemFields } from '../encode/image-item.ts'
import { newKey } from '../fold.ts'
import type { ChainLink } from '../index/chain-store.ts'
import { nowhere } from '../index/image-slab.ts'
import type { PendingIndex } from '../index/pending-index.ts'
import type { PendingTable } from '../index/pending-table.ts'
import { movedFlag } from '../index/slot-store.ts'
import type { Choice, ChosenSlots } from './choose-slots.ts'
import { foldRow, historyOf, type RowHistory } from './row-history.ts'
import type { TableCarry } from './table-carry.ts'

/** A row whose image has to be folded from the journal, with its history as it was when the statement began. */
interface Deferred {
  readonly slot: number
  readonly generation: number
  readonly own: readonly ChainLink[]
  readonly links: readonly ChainLink[]
}

/** Where the journal's records come from. */
export type ReadRecords = (seqs: readonly Seq[]) => Promise<readonly TransactionRecord[]>

export interface CollectOptions {
  /** Fold only up to this transaction (N16). */
  readonly through: Seq | undefined
  /** Rows of `held` and `arrived` transactions: their image is folded anew, and not kept. */
  readonly mustLook: ReadonlySet<number>
  /** Transactions that main refused or holds back (N20). */
  readonly held: ReadonlySet<Seq>
  /** Transactions that the node shows by itself (N21). */
  readonly arrived: ReadonlySet<Seq>
  /** Whether the slots taken are remembered one by one: not for a whole backlog. */
  readonly isTracked: boolean
}

/** Records read at once; bounds what a large backlog brings into memory. */
const recordsAtOnce = 2000

/**
 * Fills a statement's carry from the index in two steps. The first is synchronous and fixes what is carried; the
 * second folds from the journal what the slab does not hold. A value that has no binary form turns the table to
 * text: the answer is then `again`, and the statement starts over.
 */
export class Collection {
  readonly #index: PendingIndex
  readonly #table: PendingTable
  readonly #carry: TableCarry
  readonly #options: CollectOptions
  readonly #deferred: Deferred[] = []
  /** Slots that the statement carries or excludes, where it is asked for. */
  readonly taken: Set<number> | undefined
  readonly #items
  readonly #writer = new ByteWriter()

  constructor(index: PendingIndex, table: PendingTable, carry: TableCarry, options: CollectOptions) {
    this.#index = index
    this.#table = table
    this.#carry = carry
    this.#options = options
    this.#items = table.items
    this.taken = options.isTracked ? new Set() : undefined
  }

  /** Slots that need the journal; empty when everything was at hand. */
  get isComplete(): boolean {
    return this.#deferred.length === 0
  }

  take({ slots, choose }: ChosenSlots, forced: ReadonlySet<number>): void {
    for (const slot of forced) this.#takeSlot(slot, 'carry')
    for (const slot of slots) {
      const choice = forced.has(slot) ? 'leave_out' : choose(slot)
      if (choice !== 'leave_out') this.#takeSlot(slot, choice)
    }
  }

  #takeSlot(slot: number, choice: Choice): void {
    const { through, mustLook } = this.#options
    const { slots, slab } = this.#index
    if (through !== undefined && this.#index.oldestSeq(slot) > through) return
    this.taken?.add(slot)
    const place = slots.place(slot)
    const isOlder = through === undefined || this.#index.newestSeq(slot) <= through
    if (place === nowhere || !isOlder || mustLook.has(slot) || slots.has(slot, movedFlag)) {
      this.#defer(slot)
    } else if (choice === 'carry')
      this.#carry.add(slab.bufferOf(place), slab.startOf(place), this.#index.oldestSeq(slot))
    else this.#carry.addExcluded(slab.bufferOf(place), slab.startOf(place), this.#index.oldestSeq(slot))
  }

  #defer(slot: number): void {
    const own = this.#links(slot)
    // All of it has arrived: the row is read on the node, with what others made of it since.
    if (own.length === 0) return
    const group = this.#index.groupOf(slot)
    const links = group.length === 1 ? own : group.flatMap((member) => this.#links(member))
    this.#deferred.push({ slot, generation: this.#index.slots.generation(slot), own, links })
  }

  #links(slot: number): readonly ChainLink[] {
    const { through, arrived } = this.#options
    const links = this.#index.links(slot, through)
    return arrived.size === 0 ? links : links.filter(({ seq }) => !arrived.has(seq))
  }

  async complete(readRecords: ReadRecords): Promise<'done' | 'again'> {
    for (let at = 0; at < this.#deferred.length; at += recordsAtOnce) {
      const part = this.#deferred.slice(at, at + recordsAtOnce)
      const seqs = new Set(part.flatMap((entry) => entry.links.map((link) => link.seq)))
      const records = await readRecords([...seqs].sort((a, b) => a - b))
      const bySeq = new Map(records.map((record) => [record.seq, record]))
      for (const entry of part) if (!this.#fold(entry, bySeq)) return 'again'
    }
    return this.#items === this.#table.items ? 'done' : 'again'
  }

  #fold(entry: Deferred, records: ReadonlyMap<Seq, TransactionRecord>): boolean {
    const { shape } = this.#table
    const key = rowKey(this.#index, this.#table, entry.slot, historyOf(entry.own, records))
    const history = historyOf(entry.links, records)
    const row = key && foldRow(history, shape, key, (seq) => this.#options.held.has(seq))
    if (!key || !row) return true
    const { folded, guard } = row
    if (guard) return this.#guarded(folded, key, guard.later)
    switch (folded.kind) {
      case 'insert':
        return this.#put(entry, this.#items.writeInsert(this.#writer, folded.image))
      case 'delete':
        return this.#put(entry, this.#items.writeDelete(this.#writer, key))
      case 'patch':
        if (folded.lookIn) return this.#move(key, folded.lookIn, folded.set)
        return this.#put(entry, this.#items.writePatch(this.#writer, key, folded.set))
    }
  }

  #put(entry: Deferred, isWritten: boolean): boolean {
    if (!isWritten) return this.#useText()
    const bytes = this.#writer.take()
    this.#carry.add(bytes, 0, entry.own[0]?.seq ?? 0)
    if (this.#isUnchanged(entry)) this.#index.keepImage(entry.slot, bytes, bytes.length)
    return true
  }

  #guarded(
    folded: { readonly kind: string; readonly image?: TextRow },
    key: TextRow,
    later: TextRow | undefined,
  ): boolean {
    if (!folded.image || !this.#items.writeInsert(this.#writer, folded.image)) return this.#useText()
    const bytes = this.#writer.take()
    this.#carry.addGuarded(bytes, 0)
    if (!later) return true
    if (!this.#items.writePatch(this.#writer, key, later)) return this.#useText()
    this.#carry.add(this.#writer.take(), 0, 0)
    return true
  }

  #move(key: TextRow, lookIn: readonly TextRow[], set: TextRow): boolean {
    const keys = lookIn.map((candidate) => this.#keyItem(candidate)).filter((item) => item !== undefined)
    if (keys.length < lookIn.length || !this.#items.writePatch(this.#writer, key, set)) return this.#useText()
    const bytes = this.#writer.take()
    this.#carry.addMove({ keys, patch: this.#items.read(bytes, 0) }, bytes, 0)
    return true
  }

  #keyItem(key: TextRow): ItemFields | undefined {
    if (!this.#items.writeDelete(this.#writer, key)) return undefined
    return this.#items.read(this.#writer.take(), 0)
  }

  #useText(): boolean {
    this.#index.fallBackToText(this.#table)
    return false
  }

  /** The slab keeps only what a fold of today's whole chain would give. */
  #isUnchanged({ slot, generation, own }: Deferred): boolean {
    const { through, mustLook } = this.#options
    const { slots } = this.#index
    if (through !== undefined || mustLook.has(slot) || slots.generation(slot) !== generation) return false
    if (slots.has(slot, movedFlag) || this.#items !== this.#table.items) return false
    const now = this.#index.links(slot)
    return (
      now.length === own.length &&
      now.every((link, at) => link.seq === own[at]!.seq && link.operation === own[at]!.operation)
    )
  }
}

/** The key that the slot stands for, from the row's own operations. */
export function rowKey(
  index: PendingIndex,
  table: PendingTable,
  slot: number,
  own: RowHistory,
): TextRow | undefined {
  const names = table.shape.table.primaryKey
  for (const operation of own.operations) {
    const before = operation.kind === 'insert' ? operation.row : operation.key
    const keys = operation.kind === 'update' ? [before, newKey(operation, names)] : [before]
    for (const key of keys) {
      if (index.find(table, key) === slot)
        return Object.fromEntries(names.map((name) => [name, key[name] ?? null]))
    }
  }
  return undefined
}
