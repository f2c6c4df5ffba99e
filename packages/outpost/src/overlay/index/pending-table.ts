import type { TableName } from '../../postgres/catalog.ts'
import { ImageItems } from '../encode/image-item.ts'
import type { TableShape } from '../encode/table-shape.ts'
import { grownInt32 } from './typed-growth.ts'

/** The pending rows of one table. */
export class PendingTable {
  readonly id: number
  readonly name: TableName
  #shape: TableShape
  #items: ImageItems
  #members = new Int32Array(16)
  #count = 0
  /** Slots whose history crosses keys (an update of the key); always carried. */
  readonly moved = new Set<number>()
  /** Columns that every pending row of the table is indexed by. */
  indexed: ReadonlySet<string>
  /** Unique keys of several columns that every pending row of the table is indexed by as a whole. */
  indexedKeys: readonly (readonly string[])[]

  constructor(id: number, name: TableName, shape: TableShape) {
    this.id = id
    this.name = name
    this.#shape = shape
    this.#items = new ImageItems(shape, shape.isBinary ? 'binary' : 'text')
    this.indexed = indexedColumns(shape)
    this.indexedKeys = indexedKeys(shape)
  }

  get shape(): TableShape {
    return this.#shape
  }

  get items(): ImageItems {
    return this.#items
  }

  get count(): number {
    return this.#count
  }

  /** Slots of its rows, in no order; valid until the next change. */
  get slots(): Int32Array {
    return this.#members.subarray(0, this.#count)
  }

  /** Takes a new definition of the table; images encoded for the old one must have been dropped. */
  redefine(shape: TableShape): void {
    const columns = indexedColumns(shape)
    const keys = indexedKeys(shape)
    const known = new Set(this.indexedKeys.map(nameOfKey))
    this.indexed =
      this.#count === 0 ? columns : new Set([...columns].filter((column) => this.indexed.has(column)))
    this.indexedKeys = this.#count === 0 ? keys : keys.filter((key) => known.has(nameOfKey(key)))
    this.#shape = shape
    this.#items = new ImageItems(shape, shape.isBinary ? 'binary' : 'text')
  }

  /** A value was met that has no binary form: from now on its rows travel as text. */
  useText(): void {
    this.#items = new ImageItems(this.#shape, 'text')
  }

  add(slot: number): number {
    this.#members = grownInt32(this.#members, this.#count + 1)
    this.#members[this.#count] = slot
    return this.#count++
  }

  /** Puts the last row in the freed place and answers its slot. */
  remove(member: number): number {
    const last = this.#members[--this.#count]!
    this.#members[member] = last
    if (this.#count === 0) {
      this.indexed = indexedColumns(this.#shape)
      this.indexedKeys = indexedKeys(this.#shape)
    }
    return last
  }
}

/** Columns worth an index here: led by one on main, of a type whose equality is exact as text (N18). */
function indexedColumns(shape: TableShape): ReadonlySet<string> {
  const isWholeKey = (name: string): boolean => shape.keys.length === 1 && shape.keys[0]!.column.name === name
  return new Set(
    shape.table.indexedColumns.filter(
      (name) => shape.byName.get(name)?.hasExactText === true && !isWholeKey(name),
    ),
  )
}

/** Where each column alone may be shared by the whole backlog: one unit's files, told apart by their names. */
function indexedKeys(shape: TableShape): readonly (readonly string[])[] {
  const isIndexed = (name: string): boolean => {
    const column = shape.byName.get(name)
    return column?.hasExactText === true && !column.isGenerated
  }
  return shape.table.uniqueKeys.flatMap(({ columns }) =>
    columns && columns.length > 1 && columns.every(isIndexed) ? [columns] : [],
  )
}

/** One name for the columns of a key. */
export const nameOfKey = (columns: readonly string[]): string => columns.join('\0')
