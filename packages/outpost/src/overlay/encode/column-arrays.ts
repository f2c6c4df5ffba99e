import { type ArrayParameter, ValueArray } from './composite-array.ts'
import { type ImageItems, int32At } from './image-item.ts'
import type { TableShape } from './table-shape.ts'

/** A statement that reads more columns of a table takes its new rows whole. */
const maximumColumns = 6

/**
 * The columns of new rows that travel as an array each: a whole backlog of which few columns are read is read by the
 * server in a fraction of the time that it takes over rows. Undefined where the rows have to travel whole.
 */
export function arrayColumns(
  shape: TableShape,
  columnNames: ReadonlySet<string> | undefined,
): readonly number[] | undefined {
  if (!columnNames) return undefined
  const read = shape.columns.filter(
    ({ column, mayRefuseNull }) => mayRefuseNull || columnNames.has(column.name),
  )
  // Without any the rows still have to be counted.
  const carried = read.length > 0 ? read : shape.keys.slice(0, 1)
  const isPlain = carried.every(({ column, isGenerated }) => !isGenerated && column.type.kind !== 'array')
  return isPlain && carried.length > 0 && carried.length <= maximumColumns
    ? carried.map(({ index }) => index)
    : undefined
}

/** Some columns of new rows, as an array each, copied from encoded images. */
export class ColumnArrays {
  readonly #items: ImageItems
  readonly #columns: readonly number[]
  readonly #arrays: readonly ValueArray[]

  /** `columns` ascend. */
  constructor(items: ImageItems, columns: readonly number[]) {
    this.#items = items
    this.#columns = columns
    this.#arrays = columns.map((index) => new ValueArray(items, items.shape.columns[index]!))
  }

  /** Adds an insert's image. */
  add(bytes: Buffer, start: number): void {
    let at = this.#items.columnsStart(bytes, start)
    let column = 0
    for (let next = 0; next < this.#columns.length; column++) {
      const length = int32At(bytes, at)
      at += 4
      if (column === this.#columns[next]) {
        const array = this.#arrays[next++]!
        if (length < 0) array.addNull()
        else array.add(bytes, at, at + length)
      }
      if (length > 0) at += length
    }
  }

  finish(column: number): ArrayParameter {
    return this.#arrays[this.#columns.indexOf(column)]!.finish()
  }
}
