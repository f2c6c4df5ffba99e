import type { TextRow } from '../../transaction/operation.ts'
import type { ByteWriter } from './byte-writer.ts'
import { type ColumnShape, canonicalKeyText, type TableShape } from './table-shape.ts'

/**
 * A pending row's image as bytes: kind, key, then an insert's columns in order or a patch's mask and values. Each
 * value is preceded by its length, -1 for null, and is in the form in which it will travel: binary, or text where
 * the table has a type without a codec.
 */
export const insertItem = 0
export const patchItem = 1
export const deleteItem = 2

/** How a table's values are encoded. */
export type ItemForm = 'binary' | 'text'

/** An item's values, as places in its buffer. */
export interface ItemFields {
  readonly kind: number
  readonly bytes: Buffer
  /** Start of each key value, after its length. */
  readonly keyStarts: readonly number[]
  readonly keyEnds: readonly number[]
  /** By column: start of the value, -1 for null, -2 where a patch does not set the column. */
  readonly starts: Int32Array
  readonly ends: Int32Array
}

export const absent = -2
export const nullValue = -1

/** Encodes images of one table. Every `write` answers false where a value has no binary form: use text then. */
export class ImageItems {
  readonly shape: TableShape
  readonly form: ItemForm
  readonly #maskBytes: number

  constructor(shape: TableShape, form: ItemForm) {
    this.shape = shape
    this.form = form
    this.#maskBytes = Math.ceil(shape.columns.length / 8)
  }

  writeInsert(writer: ByteWriter, image: TextRow): boolean {
    writer.reset()
    writer.uint8(insertItem)
    if (!this.#key(writer, image)) return false
    for (const column of this.shape.columns) {
      if (!this.#value(writer, column, image[column.column.name] ?? null, insertItem)) return false
    }
    return true
  }

  writePatch(writer: ByteWriter, key: TextRow, set: TextRow): boolean {
    writer.reset()
    writer.uint8(patchItem)
    if (!this.#key(writer, key)) return false
    const mask = this.#reserveMask(writer)
    for (const column of this.shape.columns) {
      const value = set[column.column.name]
      if (value === undefined) continue
      setBit(writer.bytes, mask, column.index)
      if (!this.#value(writer, column, value, patchItem)) return false
    }
    return true
  }

  writeDelete(writer: ByteWriter, key: TextRow): boolean {
    writer.reset()
    writer.uint8(deleteItem)
    return this.#key(writer, key)
  }

  /** The image with `set` on top; a delete stays one. */
  writeCombined(writer: ByteWriter, before: ItemFields, set: TextRow): boolean {
    writer.reset()
    writer.uint8(before.kind)
    for (const [index, start] of before.keyStarts.entries()) {
      writer.int32(before.keyEnds[index]! - start)
      writer.copyFrom(before.bytes, start, before.keyEnds[index]!)
    }
    if (before.kind === deleteItem) return true
    const mask = before.kind === patchItem ? this.#reserveMask(writer) : undefined
    for (const column of this.shape.columns) {
      const value = set[column.column.name]
      const start = before.starts[column.index]!
      if (value === undefined && start === absent) continue
      if (mask !== undefined) setBit(writer.bytes, mask, column.index)
      if (value !== undefined) {
        if (!this.#value(writer, column, value, before.kind)) return false
      } else copyValue(writer, before, column.index)
    }
    return true
  }

  read(bytes: Buffer, start: number): ItemFields {
    const kind = bytes[start]!
    let at = start + 1
    const keyStarts: number[] = []
    const keyEnds: number[] = []
    for (let index = 0; index < this.shape.keys.length; index++) {
      const length = bytes.readInt32BE(at)
      keyStarts.push(at + 4)
      at += 4 + length
      keyEnds.push(at)
    }
    const starts = new Int32Array(this.shape.columns.length).fill(absent)
    const ends = new Int32Array(this.shape.columns.length)
    if (kind !== deleteItem) this.#readValues(bytes, at, kind, starts, ends)
    return { kind, bytes, keyStarts, keyEnds, starts, ends }
  }

  /** Where the columns of an insert begin. */
  columnsStart(bytes: Buffer, start: number): number {
    let at = start + 1
    for (let index = 0; index < this.shape.keys.length; index++) at += 4 + int32At(bytes, at)
    return at
  }

  /**
   * Start of a column's value without reading the rest: -1 for null, -2 where a patch or delete does not set it. Its
   * length stands in the four bytes before.
   */
  valueStart(bytes: Buffer, start: number, column: number): number {
    const kind = bytes[start]!
    if (kind === deleteItem) return absent
    let at = this.columnsStart(bytes, start)
    const mask = at
    if (kind === patchItem) {
      if (!hasBit(bytes, mask, column)) return absent
      at += this.#maskBytes
    }
    for (let index = 0; index < column; index++) {
      if (kind === patchItem && !hasBit(bytes, mask, index)) continue
      const length = int32At(bytes, at)
      at += length < 0 ? 4 : 4 + length
    }
    return int32At(bytes, at) < 0 ? nullValue : at + 4
  }

  /** True where the item is a patch that sets one of these columns (all: undefined). */
  setsOneOf(bytes: Buffer, start: number, columns: readonly number[] | undefined): boolean {
    if (bytes[start] !== patchItem) return false
    if (!columns) return true
    const mask = this.columnsStart(bytes, start)
    return columns.some((column) => hasBit(bytes, mask, column))
  }

  /** A value in the form of this table's items, without its length. */
  encode(writer: ByteWriter, column: ColumnShape, text: string): Buffer | undefined {
    writer.reset()
    if (this.form === 'text') writer.utf8(text)
    else if (!column.codec?.(writer, text)) return undefined
    const copy = Buffer.allocUnsafe(writer.length)
    writer.bytes.copy(copy, 0, 0, writer.length)
    return copy
  }

  #readValues(bytes: Buffer, start: number, kind: number, starts: Int32Array, ends: Int32Array): void {
    let at = kind === patchItem ? start + this.#maskBytes : start
    for (let index = 0; index < starts.length; index++) {
      if (kind === patchItem && !hasBit(bytes, start, index)) continue
      const length = bytes.readInt32BE(at)
      at += 4
      starts[index] = length < 0 ? nullValue : at
      at += Math.max(0, length)
      ends[index] = at
    }
  }

  #key(writer: ByteWriter, row: TextRow): boolean {
    for (const column of this.shape.keys) {
      const text = row[column.column.name]
      if (text === undefined || text === null) return false
      if (!this.#value(writer, column, canonicalKeyText(column, text), patchItem)) return false
    }
    return true
  }

  /** An insert travels as a row, where an array is binary; a patch in an array per column, where it must be text. */
  #value(writer: ByteWriter, column: ColumnShape, text: string | null, kind: number): boolean {
    if (text === null || column.isGenerated) {
      writer.int32(-1)
      return true
    }
    writer.int32(0)
    const start = writer.length
    const isText = this.form === 'text' || (kind !== insertItem && column.column.type.kind === 'array')
    if (isText) writer.utf8(text)
    else if (!column.codec?.(writer, text)) return false
    writer.bytes.writeInt32BE(writer.length - start, start - 4)
    return true
  }

  #reserveMask(writer: ByteWriter): number {
    writer.reserve(this.#maskBytes)
    const place = writer.length
    writer.bytes.fill(0, place, place + this.#maskBytes)
    writer.length += this.#maskBytes
    return place
  }
}

function copyValue(writer: ByteWriter, from: ItemFields, index: number): void {
  const start = from.starts[index]!
  if (start === nullValue) {
    writer.int32(-1)
    return
  }
  writer.int32(from.ends[index]! - start)
  writer.copyFrom(from.bytes, start, from.ends[index]!)
}

function setBit(bytes: Buffer, mask: number, index: number): void {
  bytes[mask + (index >> 3)]! |= 1 << (index & 7)
}

const hasBit = (bytes: Buffer, mask: number, index: number): boolean =>
  (bytes[mask + (index >> 3)]! & (1 << (index & 7))) !== 0

/** True where a patch sets the column, or the row is an insert. */
export const isSet = (fields: ItemFields, index: number): boolean => fields.starts[index] !== absent

/** True where the column is null. */
export const isNull = (fields: ItemFields, index: number): boolean => fields.starts[index] === nullValue

/** A big-endian 32-bit number, without the checks that a call would make. */
export const int32At = (bytes: Buffer, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
