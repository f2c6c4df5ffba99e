import type { EpochRange } from '../../journal/journal.ts'
import type { Seq } from '../../transaction/transaction.ts'
import { arrayColumns, ColumnArrays } from '../encode/column-arrays.ts'
import { type ArrayParameter, booleanArray, RowArray, ValueArray } from '../encode/composite-array.ts'
import { deleteItem, type ImageItems, type ItemFields, insertItem, isSet } from '../encode/image-item.ts'
import type { AddedParameter } from '../sql/parameters.ts'
import type { CarryShape, PatchShape } from '../sql/shadow-cte.ts'

/** A row whose key was changed: encoded keys to look under, likeliest first, and the changed columns. */
export interface CarriedMove {
  readonly keys: readonly ItemFields[]
  readonly patch: ItemFields
}

/** Above this many patches in a page of rows they are looked up one by one. */
const manyPatches = 50

/** What one statement carries of one table: filled row by row, then read as a shape and its parameters. */
export class TableCarry {
  readonly #items: ImageItems
  readonly #columnNames: ReadonlySet<string> | undefined
  readonly #insertColumns: readonly number[] | undefined
  // Each array is made with its first element: most statements need one or none of them.
  #inserts: RowArray | ColumnArrays | undefined
  #guarded: RowArray | undefined
  /** Keys of rows of main that are not shown: of pending inserts, and of changes to rows that main has. */
  #inserted: readonly ValueArray[] | undefined
  #changed: readonly ValueArray[] | undefined
  #oldestInsert = Number.POSITIVE_INFINITY
  readonly #patches: ItemFields[] = []
  readonly #moves: CarriedMove[] = []
  #rowCount = 0

  /** `isLarge`: so many rows that it pays to send only the columns that are read. */
  constructor(items: ImageItems, columnNames: ReadonlySet<string> | undefined, isLarge: boolean) {
    this.#items = items
    this.#columnNames = columnNames
    this.#insertColumns = isLarge ? arrayColumns(items.shape, columnNames) : undefined
  }

  /** Rows carried. */
  get rowCount(): number {
    return this.#rowCount
  }

  get isEmpty(): boolean {
    return this.#rowCount === 0
  }

  /** Adds a row as its image says, and keeps main's version of it out. `oldest` is the first that touched it. */
  add(bytes: Buffer, start: number, oldest: Seq): void {
    const kind = bytes[start]!
    if (kind === insertItem) {
      this.#inserts ??= this.#insertColumns
        ? new ColumnArrays(this.#items, this.#insertColumns)
        : new RowArray(this.#items, this.#columnNames)
      this.#inserts.add(bytes, start)
    } else if (kind !== deleteItem) this.#patches.push(this.#items.read(bytes, start))
    this.addExcluded(bytes, start, oldest)
  }

  /** Keeps main's version of a row out whose own image cannot matter. */
  addExcluded(bytes: Buffer, start: number, oldest: Seq): void {
    const isInsert = bytes[start] === insertItem
    if (isInsert) {
      this.#inserted ??= this.#keyArrays()
      this.#exclude(this.#inserted, bytes, start)
    } else this.#excludeChanged(bytes, start)
    if (isInsert && oldest < this.#oldestInsert) this.#oldestInsert = oldest
    this.#rowCount++
  }

  /** N20: an insert that main refused or that waits for one: shown where main has no row of that key. */
  addGuarded(bytes: Buffer, start: number): void {
    if (!this.#guarded) {
      // Their leg compares keys with main's, whatever columns the statement names.
      const keyNames = this.#items.shape.table.primaryKey
      const columnNames = this.#columnNames
      this.#guarded = new RowArray(this.#items, columnNames && new Set([...columnNames, ...keyNames]))
    }
    this.#guarded.add(bytes, start)
    this.#rowCount++
  }

  addMove(move: CarriedMove, bytes: Buffer, start: number): void {
    this.#moves.push(move)
    this.#excludeChanged(bytes, start)
    this.#rowCount++
  }

  shape(isPage: boolean, readsBase: boolean): CarryShape {
    return {
      table: this.#items.shape,
      readsBase,
      hasInserts: this.#inserts !== undefined,
      insertColumns: this.#inserts && this.#insertColumns,
      hasGuardedInserts: this.#guarded !== undefined,
      hasExcluded: this.#inserted !== undefined || this.#changed !== undefined,
      patches: this.#patchShape(this.#patches),
      moves: this.#patchShape(this.#moves.map((move) => move.patch)),
      moveKeys: Math.max(0, ...this.#moves.map((move) => move.keys.length)),
      looksUpPatches: isPage && this.#patches.length > manyPatches,
    }
  }

  parameter(
    parameter: Exclude<AddedParameter, { kind: 'proven_seq' }>,
    epochs: readonly EpochRange[],
  ): ArrayParameter {
    switch (parameter.kind) {
      case 'inserts':
        return (parameter.guarded ? this.#guarded : (this.#inserts as RowArray))!.finish()
      case 'insert_value':
        return (this.#inserts as ColumnArrays).finish(parameter.column)
      case 'excluded':
        return this.#excludedKeys(parameter.key, parameter.which)
      case 'oldest_insert':
        return String(Number.isFinite(this.#oldestInsert) ? this.#oldestInsert : 0)
      case 'insert_epochs':
        return `{${epochs.flatMap((range, index) => ((epochs[index + 1]?.from ?? Number.POSITIVE_INFINITY) > this.#oldestInsert ? [range.epoch] : [])).join(',')}}`
      case 'patch_key':
        return this.#keys(this.#patches, parameter.key)
      case 'patch_value':
        return this.#values(this.#patches, parameter.column)
      case 'patch_set':
        return booleanArray(this.#patches.map((patch) => isSet(patch, parameter.column)))
      case 'move_key':
        return this.#keys(
          this.#moves.map(({ keys }) => keys[Math.min(parameter.choice, keys.length - 1)]!),
          parameter.key,
        )
      case 'move_value':
        return this.#values(
          this.#moves.map((move) => move.patch),
          parameter.column,
        )
      case 'move_set':
        return booleanArray(this.#moves.map((move) => isSet(move.patch, parameter.column)))
    }
  }

  #excludeChanged(bytes: Buffer, start: number): void {
    this.#changed ??= this.#keyArrays()
    this.#exclude(this.#changed, bytes, start)
  }

  #exclude(arrays: readonly ValueArray[], bytes: Buffer, start: number): void {
    let at = start + 1
    for (const keys of arrays) {
      const length = bytes.readInt32BE(at)
      keys.add(bytes, at + 4, at + 4 + length)
      at += 4 + length
    }
  }

  #excludedKeys(key: number, which: 'all' | 'inserted' | 'changed'): ArrayParameter {
    const ofInserted = which === 'changed' ? undefined : this.#inserted?.[key]
    const ofChanged = which === 'inserted' ? undefined : this.#changed?.[key]
    const [only, ...others] = [ofInserted, ofChanged].filter((array) => array !== undefined)
    if (only && others.length === 0) return only.finish()
    const all = new ValueArray(this.#items, this.#items.shape.keys[key]!)
    for (const array of [only, ...others]) if (array) all.addAll(array)
    return all.finish()
  }

  #keyArrays(): readonly ValueArray[] {
    return this.#items.shape.keys.map((key) => new ValueArray(this.#items, key))
  }

  #keys(rows: readonly ItemFields[], key: number): ArrayParameter {
    const array = new ValueArray(this.#items, this.#items.shape.keys[key]!)
    for (const row of rows) array.add(row.bytes, row.keyStarts[key]!, row.keyEnds[key]!)
    return array.finish()
  }

  /** Where a patch does not set the column any valid value stands in: the row's flag says not to look at it. */
  #values(patches: readonly ItemFields[], column: number): ArrayParameter {
    const array = new ValueArray(this.#items, this.#items.shape.columns[column]!)
    const filler = patches.find((patch) => isSet(patch, column))!
    for (const patch of patches) array.addField(isSet(patch, column) ? patch : filler)
    return array.finish()
  }

  #patchShape(patches: readonly ItemFields[]): PatchShape | undefined {
    if (patches.length === 0) return undefined
    const counts = this.#items.shape.columns.map(() => 0)
    for (const patch of patches) {
      for (let index = 0; index < counts.length; index++) if (isSet(patch, index)) counts[index]!++
    }
    const columns = [...counts.keys()].filter((index) => counts[index]! > 0)
    const flagged = new Set(columns.filter((index) => counts[index]! < patches.length))
    return { columns, flagged }
  }
}
