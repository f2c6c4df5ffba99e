import type { Operation } from '../../transaction/operation.ts'
import { joinKey } from '../../transaction/row-key.ts'
import { canonicalKeyText } from '../encode/table-shape.ts'
import { nameOfKey, type PendingTable } from './pending-table.ts'
import { TextHash } from './text-hash.ts'
import { ValueIndex } from './value-index.ts'

/** Kinds of hash, so that one never meets another. */
const valueKind = 2
const setKind = 3
const unknownKind = 4
const uniqueKind = 5

type Write = Exclude<Operation, { kind: 'delete' }>

/** Which pending rows may hold a value, by what their operations wrote. Always a superset, possibly with repeats. */
export class RowFinder {
  readonly #hash = new TextHash()
  readonly #values: ValueIndex

  /** `generationOf` is the slot's current generation, or -1 when it is free. */
  constructor(generationOf: (slot: number) => number) {
    this.#values = new ValueIndex(generationOf)
  }

  /** Slots that may hold the value in an indexed column. */
  eachWithValue(table: PendingTable, column: string, value: string, found: (slot: number) => void): void {
    this.#values.each(this.#hashOf(table, valueKind, column, value), found)
  }

  /** Slots that may hold these values in the columns of an indexed key, but for those of which one alone was set. */
  eachWithKey(
    table: PendingTable,
    columns: readonly string[],
    values: readonly string[],
    found: (slot: number) => void,
  ): void {
    this.#values.each(this.#hashOf(table, uniqueKind, nameOfKey(columns), joinKey(values)), found)
  }

  /** Slots of rows of main whose pending changes may set the column, and of new rows of which it is one of a key's. */
  eachSetting(table: PendingTable, column: string, found: (slot: number) => void): void {
    this.#values.each(this.#hashOf(table, setKind, column, ''), found)
  }

  /** Slots of rows of which it is not known what their pending changes set. */
  eachUnknown(table: PendingTable, found: (slot: number) => void): void {
    this.#values.each(this.#hashOf(table, unknownKind, '', ''), found)
  }

  /** `isNewRow`: the row's insert is pending too, so that values tell everything about it. */
  add(table: PendingTable, slot: number, operation: Write, isNewRow: boolean): void {
    const row = operation.kind === 'insert' ? operation.row : operation.set
    for (const column of table.indexed) {
      const value = row[column]
      if (value !== undefined && value !== null) {
        const text = canonicalKeyText(table.shape.byName.get(column)!, value)
        this.#values.add(this.#hashOf(table, valueKind, column, text), slot)
      }
    }
    for (const columns of table.indexedKeys) this.#addKey(table, slot, operation, columns, isNewRow)
    if (operation.kind === 'insert' || isNewRow) return
    for (const column of Object.keys(operation.set)) this.#addSetting(table, slot, column)
  }

  addUnknown(table: PendingTable, slot: number): void {
    this.#values.add(this.#hashOf(table, unknownKind, '', ''), slot)
  }

  #addKey(
    table: PendingTable,
    slot: number,
    operation: Write,
    columns: readonly string[],
    isNewRow: boolean,
  ): void {
    const row = operation.kind === 'insert' ? operation.row : operation.set
    const set = columns.filter((column) => row[column] !== undefined)
    if (set.length === columns.length) {
      if (columns.some((column) => row[column] === null)) return
      const values = columns.map((column) => canonicalKeyText(table.shape.byName.get(column)!, row[column]!))
      this.#values.add(this.#hashOf(table, uniqueKind, nameOfKey(columns), joinKey(values)), slot)
      return
    }
    // What the other columns hold is not known here.
    if (operation.kind === 'insert') this.addUnknown(table, slot)
    else if (isNewRow) for (const column of set) this.#addSetting(table, slot, column)
  }

  #addSetting(table: PendingTable, slot: number, column: string): void {
    this.#values.add(this.#hashOf(table, setKind, column, ''), slot)
  }

  #hashOf(table: PendingTable, kind: number, column: string, value: string): number {
    return this.#hash.start(kind).number(table.id).text(column).text(value).finish().low
  }
}
