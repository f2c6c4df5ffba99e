import { formatArrayText, formatCompositeText, quoteArrayElement } from './array-text.ts'
import { ByteWriter } from './byte-writer.ts'
import { type ImageItems, type ItemFields, int32At, isNull } from './image-item.ts'
import type { ColumnShape } from './table-shape.ts'
import { writeArrayHeader } from './value-codec.ts'

/** `record`: an array of a table's row type takes any element type number from the reserved range. */
const recordOid = 2249

/** Dimensions, null flag, element type, size and lower bound of an array of one dimension. */
const headerBytes = 20

/** An array parameter: a buffer travels in binary, a text in text form. */
export type ArrayParameter = Buffer | string

/**
 * New rows as one array of the table's row type, put together from encoded images by copying. Columns that the
 * statement does not read travel as null, unless their type may refuse that.
 */
export class RowArray {
  readonly #items: ImageItems
  readonly #isCarried: readonly boolean[]
  readonly #oids: readonly number[]
  readonly #writer = new ByteWriter()
  readonly #texts: string[] = []
  #count = 0

  constructor(items: ImageItems, columnNames: ReadonlySet<string> | undefined) {
    this.#items = items
    const { columns } = items.shape
    const isRead = (column: ColumnShape): boolean => !columnNames || columnNames.has(column.column.name)
    // A generated column is computed in the statement from any of the others.
    const computes = columns.some((column) => column.isGenerated && isRead(column))
    this.#isCarried = columns.map((column) => column.mayRefuseNull || computes || isRead(column))
    this.#oids = columns.map((column) => column.column.type.oid)
    if (items.form === 'binary') writeArrayHeader(this.#writer, recordOid, [0], false)
  }

  get count(): number {
    return this.#count
  }

  /** Adds an insert's image. */
  add(bytes: Buffer, start: number): void {
    this.#count++
    if (this.#items.form === 'binary') this.#addBinary(bytes, this.#items.columnsStart(bytes, start))
    else this.#addText(bytes, this.#items.columnsStart(bytes, start))
  }

  finish(): ArrayParameter {
    if (this.#items.form === 'text') return `{${this.#texts.join(',')}}`
    // The number of elements is the first dimension's size, after the three header words.
    this.#writer.bytes.writeInt32BE(this.#count, 12)
    return this.#writer.bytes.subarray(0, this.#writer.length)
  }

  /** Byte by byte into room reserved once: this runs for every value of a whole backlog. */
  #addBinary(bytes: Buffer, start: number): void {
    const writer = this.#writer
    const count = this.#oids.length
    writer.int32(0)
    const element = writer.length
    writer.int32(count)
    let at = start
    for (let index = 0; index < count; index++) {
      const length = int32At(bytes, at)
      const size = length >= 0 && this.#isCarried[index] ? length : -1
      writer.reserve(8 + Math.max(0, size))
      const out = writer.bytes
      let to = writer.length
      const oid = this.#oids[index]!
      out[to++] = oid >>> 24
      out[to++] = oid >>> 16
      out[to++] = oid >>> 8
      out[to++] = oid
      out[to++] = size >> 24
      out[to++] = size >> 16
      out[to++] = size >> 8
      out[to++] = size
      at += 4
      if (size > 48) bytes.copy(out, to, at, at + size)
      else for (let byte = 0; byte < size; byte++) out[to + byte] = bytes[at + byte]!
      writer.length = size > 0 ? to + size : to
      if (length > 0) at += length
    }
    writer.bytes.writeInt32BE(writer.length - element, element - 4)
  }

  #addText(bytes: Buffer, start: number): void {
    const fields: (string | null)[] = []
    let at = start
    for (let index = 0; index < this.#oids.length; index++) {
      const length = bytes.readInt32BE(at)
      at += 4
      const isPresent = length >= 0 && this.#isCarried[index]!
      fields.push(isPresent ? bytes.toString('utf8', at, at + length) : null)
      at += Math.max(0, length)
    }
    this.#texts.push(quoteArrayElement(formatCompositeText(fields)))
  }
}

/** Values of one column as an array, copied from encoded images. */
export class ValueArray {
  readonly #column: ColumnShape
  readonly #isBinary: boolean
  readonly #writer = new ByteWriter()
  readonly #texts: (string | null)[] = []
  #count = 0

  constructor(items: ImageItems, column: ColumnShape) {
    this.#column = column
    this.#isBinary = items.form === 'binary' && column.column.type.kind !== 'array'
    if (this.#isBinary) writeArrayHeader(this.#writer, this.#column.column.type.oid, [0], true)
  }

  get count(): number {
    return this.#count
  }

  add(bytes: Buffer, start: number, end: number): void {
    this.#count++
    if (!this.#isBinary) {
      this.#texts.push(bytes.toString('utf8', start, end))
      return
    }
    this.#writer.int32(end - start)
    this.#writer.copyFrom(bytes, start, end)
  }

  /** Adds all of another array of the same column. */
  addAll(other: ValueArray): void {
    this.#count += other.#count
    this.#texts.push(...other.#texts)
    if (this.#isBinary) this.#writer.copyFrom(other.#writer.bytes, headerBytes, other.#writer.length)
  }

  addNull(): void {
    this.#count++
    if (this.#isBinary) this.#writer.int32(-1)
    else this.#texts.push(null)
  }

  addField(fields: ItemFields): void {
    const { index } = this.#column
    if (isNull(fields, index)) this.addNull()
    else this.add(fields.bytes, fields.starts[index]!, fields.ends[index]!)
  }

  finish(): ArrayParameter {
    if (!this.#isBinary) return formatArrayText(this.#texts)
    // Without elements an array has no dimensions.
    this.#writer.bytes.writeInt32BE(this.#count, 12)
    return this.#writer.bytes.subarray(0, this.#writer.length)
  }
}

/** Booleans as an array. */
export function booleanArray(values: readonly boolean[]): string {
  return `{${values.map((value) => (value ? 't' : 'f')).join(',')}}`
}
