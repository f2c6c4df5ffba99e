import type { Catalog, TableName } from '../../postgres/catalog.ts'
import type { Operation, TextRow } from '../../transaction/operation.ts'
import type { Seq, TransactionRecord } from '../../transaction/transaction.ts'
import { ByteWriter } from '../encode/byte-writer.ts'
import { deleteItem } from '../encode/image-item.ts'
import { canonicalKeyText, shapeOf } from '../encode/table-shape.ts'
import { newKey } from '../fold.ts'
import { type ChainLink, ChainStore } from './chain-store.ts'
import { elderPlaces } from './elder-places.ts'
import { ImageSlab, nowhere } from './image-slab.ts'
import { PendingTable } from './pending-table.ts'
import { RowFinder } from './row-finder.ts'
import { SeqDirectory } from './seq-directory.ts'
import { insertedFlag, movedFlag, SlotStore } from './slot-store.ts'
import { TextHash } from './text-hash.ts'

/** Kind of hash of a row's primary key. */
const keyKind = 1

/**
 * Which rows have pending operations, without an object per row: slots, chains of operations, an index of the
 * values in indexed columns, and a bounded cache of folded images.
 */
export class PendingIndex {
  readonly slots = new SlotStore()
  readonly slab: ImageSlab
  readonly finder = new RowFinder((slot) => this.slots.generation(slot))
  readonly #catalog: () => Catalog
  #catalogVersion: string
  readonly #chains = new ChainStore()
  readonly #seqs = new SeqDirectory()
  readonly #hash = new TextHash()
  readonly #writer = new ByteWriter()
  readonly #byName = new Map<TableName, PendingTable>()
  readonly #byId: PendingTable[] = []
  /** Slots joined by an update of a key, both ways. */
  readonly #joined = new Map<number, Set<number>>()

  constructor(catalog: () => Catalog, slabBytes: number) {
    this.#catalog = catalog
    this.#catalogVersion = catalog().version
    this.slab = new ImageSlab(slabBytes)
  }

  /** Transactions held. */
  get transactionCount(): number {
    return this.#seqs.size
  }

  /** The oldest and the newest transaction held. */
  get range(): { readonly first: Seq; readonly last: Seq } | undefined {
    return this.#seqs.range
  }

  holds(seq: Seq): boolean {
    return this.#seqs.get(seq) !== -1
  }

  /** The table's pending rows, or undefined when it never had any or the catalog does not know it. */
  table(name: TableName): PendingTable | undefined {
    this.refresh()
    const known = this.#byName.get(name)
    if (known || !this.#catalog().tables.get(name)?.parent) return known
    return this.#tableFor(name)
  }

  get tables(): Iterable<PendingTable> {
    return this.#byName.values()
  }

  tableOf(slot: number): PendingTable {
    return this.#byId[this.slots.table(slot)]!
  }

  /** Takes in one record; one that is held already changes nothing. */
  add(record: TransactionRecord): void {
    if (this.holds(record.seq)) return
    this.refresh()
    const placeOf = elderPlaces(record)
    for (const [index, operation] of record.operations.entries()) {
      const table = this.#tableFor(operation.table)
      if (table)
        this.#addOperation(table, record.seq, index, operation, placeOf?.(table.shape.table, operation))
    }
    if (!this.holds(record.seq)) this.#seqs.set(record.seq, -2)
  }

  /** Removes one transaction; a row without operations left is forgotten. */
  remove(seq: Seq): boolean {
    let entry = this.#seqs.get(seq)
    if (entry === -1) return false
    this.#seqs.delete(seq)
    while (entry >= 0) {
      const next = this.#chains.nextOfSeq(entry)
      this.#unlink(entry)
      this.#chains.release(entry)
      entry = next
    }
    if (this.slab.isSparse) this.#compact()
    return true
  }

  /** The row's slot, or -1. */
  find(table: PendingTable, key: TextRow): number {
    return this.findUnder(table, key, table.shape.table.primaryKey)
  }

  /** The same, of a row that has the key's values under these names. */
  findUnder(table: PendingTable, row: TextRow, names: readonly string[]): number {
    this.#hash.start(keyKind).number(table.id)
    const { keys } = table.shape
    for (let index = 0; index < keys.length; index++) {
      const text = row[names[index]!]
      this.#hash.text(text === undefined || text === null ? null : canonicalKeyText(keys[index]!, text))
    }
    this.#hash.finish()
    return this.slots.find(this.#hash.high, this.#hash.low)
  }

  /** Operations of the row, oldest first, up to `through`. */
  links(slot: number, through?: Seq): readonly ChainLink[] {
    return this.#chains.links(this.slots.head(slot), through)
  }

  oldestSeq(slot: number): Seq {
    if (this.#chains.isInOrder) return this.#chains.seq(this.slots.head(slot))
    return Math.min(...this.links(slot).map(({ seq }) => seq))
  }

  newestSeq(slot: number): Seq {
    if (this.#chains.isInOrder) return this.#chains.seq(this.slots.tail(slot))
    return Math.max(...this.links(slot).map(({ seq }) => seq))
  }

  /** The transaction whose change of the row is read last. */
  lastSeq(slot: number): Seq {
    return this.#chains.seq(this.slots.tail(slot))
  }

  /** Slots that a transaction touches. */
  *slotsOf(seq: Seq): Generator<number> {
    for (let entry = this.#seqs.get(seq); entry >= 0; entry = this.#chains.nextOfSeq(entry)) {
      yield this.#chains.slot(entry)
    }
  }

  /** The slot and all that share its history through updates of keys. */
  groupOf(slot: number): readonly number[] {
    const group = new Set([slot])
    for (const member of group) for (const other of this.#joined.get(member) ?? []) group.add(other)
    return [...group]
  }

  /** Keeps an image that was folded from the journal. */
  keepImage(slot: number, item: Buffer, length: number): void {
    this.slab.free(this.slots.place(slot))
    this.slots.setPlace(slot, this.slab.put(item, length))
  }

  /** Drops the cached images of a table: they are encoded in another form from now on. */
  dropImages(table: PendingTable): void {
    for (const slot of table.slots) this.#dropImage(slot)
  }

  /** Follows the catalog: images are encoded for one definition of the table. */
  refresh(): void {
    const catalog = this.#catalog()
    if (catalog.version === this.#catalogVersion) return
    this.#catalogVersion = catalog.version
    for (const table of this.#byName.values()) {
      const definition = catalog.tables.get(table.name)
      if (!definition || definition === table.shape.table) continue
      this.dropImages(table)
      table.redefine(shapeOf(definition))
    }
  }

  /** A partition's rows belong to its topmost parent: that is what a query names. */
  #tableFor(name: TableName): PendingTable | undefined {
    const known = this.#byName.get(name)
    if (known) return known
    const catalog = this.#catalog()
    let definition = catalog.tables.get(name)
    if (!definition) return undefined
    while (definition.parent !== undefined) {
      const parent = catalog.tables.get(definition.parent)
      if (!parent || parent.primaryKey.length === 0) break
      definition = parent
    }
    if (definition.name !== name) return this.#tableFor(definition.name)
    const table = new PendingTable(this.#byId.length, name, shapeOf(definition))
    this.#byId.push(table)
    this.#byName.set(name, table)
    return table
  }

  #addOperation(
    table: PendingTable,
    seq: Seq,
    index: number,
    operation: Operation,
    place: Seq | undefined,
  ): void {
    const keyRow = operation.kind === 'insert' ? operation.row : operation.key
    const slot = this.#slotFor(table, keyRow)
    const isNewest = this.#link(slot, seq, index, place)
    if (operation.kind === 'insert') this.slots.flag(slot, insertedFlag)
    if (operation.kind === 'update') this.#joinMoved(table, slot, seq, index, operation, place)
    if (operation.kind !== 'delete') this.#indexValues(table, slot, operation)
    if (!isNewest || this.slots.has(slot, movedFlag)) this.#dropImage(slot)
    else this.#foldImage(table, slot, operation)
  }

  #joinMoved(
    table: PendingTable,
    slot: number,
    seq: Seq,
    index: number,
    operation: Extract<Operation, { kind: 'update' }>,
    place: Seq | undefined,
  ): void {
    const names = table.shape.table.primaryKey
    if (!names.some((name) => operation.set[name] !== undefined)) return
    const other = this.#slotFor(table, newKey(operation, names))
    if (other === slot) return
    this.#link(other, seq, index, place)
    for (const [from, to] of [
      [slot, other],
      [other, slot],
    ] as const) {
      const joined = this.#joined.get(from) ?? new Set()
      this.#joined.set(from, joined.add(to))
      this.slots.flag(from, movedFlag)
      table.moved.add(from)
      this.#dropImage(from)
    }
    this.#indexValues(table, other, operation)
  }

  #indexValues(table: PendingTable, slot: number, operation: Exclude<Operation, { kind: 'delete' }>): void {
    this.finder.add(table, slot, operation, this.slots.has(slot, insertedFlag))
  }

  /** The image after one more operation, from the image before it; without that it is folded when it is needed. */
  #foldImage(table: PendingTable, slot: number, operation: Operation): void {
    const place = this.slots.place(slot)
    const isFirst = this.slots.head(slot) === this.slots.tail(slot)
    if (!isFirst && place === nowhere) return
    const { items } = table
    const before = isFirst ? undefined : items.read(this.slab.bufferOf(place), this.slab.startOf(place))
    const exists = before !== undefined && before.kind !== deleteItem
    let isWritten: boolean
    switch (operation.kind) {
      case 'insert':
        if (exists) return
        isWritten = items.writeInsert(this.#writer, operation.row)
        break
      case 'update':
        if (before && !exists) return
        isWritten = before
          ? items.writeCombined(this.#writer, before, operation.set)
          : items.writePatch(this.#writer, operation.key, operation.set)
        break
      case 'delete':
        isWritten = items.writeDelete(this.#writer, operation.key)
        break
    }
    if (isWritten) this.keepImage(slot, this.#writer.bytes, this.#writer.length)
    else this.fallBackToText(table)
  }

  /** A value without a binary form was met: the table's images are encoded again, as text, when needed. */
  fallBackToText(table: PendingTable): void {
    this.dropImages(table)
    if (table.items.form === 'binary') table.useText()
  }

  #dropImage(slot: number): void {
    this.slab.free(this.slots.place(slot))
    this.slots.setPlace(slot, nowhere)
  }

  /** Puts the entry in its place in the row's chain; true when it is the newest there. */
  #link(slot: number, seq: Seq, operation: number, place: Seq | undefined): boolean {
    const first = this.#seqs.get(seq)
    const entry = this.#chains.add(seq, operation, slot, first, place)
    this.#seqs.set(seq, entry)
    const tail = this.slots.tail(slot)
    if (tail === -1) this.slots.setChain(slot, entry, entry)
    else if (this.#chains.isBefore(tail, entry)) {
      this.#chains.setNextInSlot(tail, entry)
      this.slots.setChain(slot, this.slots.head(slot), entry)
    } else {
      this.#linkInside(slot, entry)
      return false
    }
    return true
  }

  #linkInside(slot: number, entry: number): void {
    const head = this.slots.head(slot)
    if (this.#chains.isBefore(entry, head)) {
      this.#chains.setNextInSlot(entry, head)
      this.slots.setChain(slot, entry, this.slots.tail(slot))
      return
    }
    let before = head
    while (!this.#chains.isBefore(entry, this.#chains.nextInSlot(before))) {
      before = this.#chains.nextInSlot(before)
    }
    this.#chains.setNextInSlot(entry, this.#chains.nextInSlot(before))
    this.#chains.setNextInSlot(before, entry)
  }

  #unlink(entry: number): void {
    const slot = this.#chains.slot(entry)
    const next = this.#chains.nextInSlot(entry)
    let before = -1
    for (let at = this.slots.head(slot); at !== entry; at = this.#chains.nextInSlot(at)) before = at
    if (before === -1 && next === -1) {
      this.#forget(slot)
      return
    }
    if (before !== -1) this.#chains.setNextInSlot(before, next)
    const tail = next === -1 ? before : this.slots.tail(slot)
    this.slots.setChain(slot, before === -1 ? next : this.slots.head(slot), tail)
    this.#dropImage(slot)
    const table = this.tableOf(slot)
    // The insert may be what left: the rest then changes a row of main, and its columns are not known here.
    this.slots.unflag(slot, insertedFlag)
    this.finder.addUnknown(table, slot)
  }

  #forget(slot: number): void {
    const table = this.tableOf(slot)
    this.#dropImage(slot)
    const member = this.slots.member(slot)
    const last = table.remove(member)
    this.slots.setMember(last, member)
    table.moved.delete(slot)
    for (const other of this.#joined.get(slot) ?? []) this.#joined.get(other)?.delete(slot)
    this.#joined.delete(slot)
    this.slots.release(slot)
  }

  /** Copies what is left together, so that chunks with holes go back to the system. */
  #compact(): void {
    for (const table of this.#byName.values()) {
      for (const slot of table.slots) {
        const place = this.slots.place(slot)
        if (place !== nowhere) this.slots.setPlace(slot, this.slab.move(place))
      }
    }
  }

  #slotFor(table: PendingTable, key: TextRow): number {
    const known = this.find(table, key)
    if (known !== -1) return known
    const slot = this.slots.add(this.#hash.high, this.#hash.low, table.id)
    this.slots.setMember(slot, table.add(slot))
    return slot
  }
}
