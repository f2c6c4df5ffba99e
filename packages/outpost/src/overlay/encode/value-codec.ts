import type { ColumnType } from '../../postgres/catalog.ts'
import { type ArrayElement, parseArrayText } from './array-text.ts'
import type { ByteWriter } from './byte-writer.ts'
import { parseDate, parseTime, parseTimestamp } from './date-bytes.ts'
import { writeNumeric } from './numeric-bytes.ts'

/**
 * Writes a value's binary form (what the type's receive function reads) from its text form. Returns false where the
 * text is not how PostgreSQL writes the type: the table then travels as text, which is slower and always right.
 */
export type ValueCodec = (writer: ByteWriter, text: string) => boolean

const integer = /^-?\d+$/

const fixedInteger =
  (write: (writer: ByteWriter, value: number) => void, limit: number): ValueCodec =>
  (writer, text) => {
    const value = Number(text)
    if (!integer.test(text) || value < -limit || value >= limit) return false
    write(writer, value)
    return true
  }

const int8: ValueCodec = (writer, text) => {
  if (!integer.test(text)) return false
  if (text.length <= 15) writer.int64(Number(text))
  else {
    const value = BigInt(text)
    if (BigInt.asIntN(64, value) !== value) return false
    writer.bigInt64(value)
  }
  return true
}

const oid: ValueCodec = (writer, text) => {
  if (!integer.test(text) || Number(text) < 0 || Number(text) > 4_294_967_295) return false
  writer.uint32(Number(text))
  return true
}

const bool: ValueCodec = (writer, text) => {
  if (text !== 't' && text !== 'f' && text !== 'true' && text !== 'false') return false
  writer.uint8(text.startsWith('t') ? 1 : 0)
  return true
}

const floatNumber = /^(?:-?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|Infinity)|NaN)$/

const float =
  (write: (writer: ByteWriter, value: number) => void): ValueCodec =>
  (writer, text) => {
    if (!floatNumber.test(text)) return false
    write(writer, Number(text))
    return true
  }

const utf8: ValueCodec = (writer, text) => {
  writer.utf8(text)
  return true
}

const jsonb: ValueCodec = (writer, text) => {
  writer.uint8(1)
  writer.utf8(text)
  return true
}

const hexValues = new Int8Array(128).fill(-1)
for (let value = 0; value < 16; value++) {
  hexValues[value.toString(16).charCodeAt(0)] = value
  hexValues[value.toString(16).toUpperCase().charCodeAt(0)] = value
}

const uuid: ValueCodec = (writer, text) => {
  if (text.length !== 36) return false
  writer.reserve(16)
  let at = writer.length
  for (let index = 0; index < 36; index += 2) {
    if (index === 8 || index === 13 || index === 18 || index === 23) {
      if (text.charCodeAt(index) !== 45) return false
      index++
    }
    const high = hexValues[text.charCodeAt(index)] ?? -1
    const low = hexValues[text.charCodeAt(index + 1)] ?? -1
    if (high < 0 || low < 0) return false
    writer.bytes[at++] = high * 16 + low
  }
  writer.length = at
  return true
}

const bytea: ValueCodec = (writer, text) => {
  if (!/^\\x(?:[0-9a-fA-F]{2})*$/.test(text)) return false
  const bytes = Buffer.from(text.slice(2), 'hex')
  writer.copyFrom(bytes, 0, bytes.length)
  return true
}

const date: ValueCodec = (writer, text) => {
  const days = text === 'infinity' ? 0x7fffffff : text === '-infinity' ? -0x80000000 : parseDate(text)
  if (days === undefined) return false
  writer.int32(days)
  return true
}

const time: ValueCodec = (writer, text) => {
  const microseconds = parseTime(text)
  if (microseconds === undefined) return false
  writer.int64(microseconds)
  return true
}

const timestamp =
  (isZoned: boolean): ValueCodec =>
  (writer, text) => {
    if (text === 'infinity') writer.bigInt64(0x7fffffffffffffffn)
    else if (text === '-infinity') writer.bigInt64(-0x8000000000000000n)
    else {
      const microseconds = parseTimestamp(text, isZoned)
      if (microseconds === undefined) return false
      if (typeof microseconds === 'bigint') writer.bigInt64(microseconds)
      else writer.int64(microseconds)
    }
    return true
  }

const baseCodecs: ReadonlyMap<string, ValueCodec> = new Map<string, ValueCodec>([
  ['bool', bool],
  ['int2', fixedInteger((writer, value) => writer.int16(value), 2 ** 15)],
  ['int4', fixedInteger((writer, value) => writer.int32(value), 2 ** 31)],
  ['int8', int8],
  ['oid', oid],
  ['float4', float((writer, value) => writer.float32(value))],
  ['float8', float((writer, value) => writer.float64(value))],
  ['numeric', writeNumeric],
  ['text', utf8],
  ['varchar', utf8],
  ['bpchar', utf8],
  ['name', utf8],
  ['json', utf8],
  ['jsonb', jsonb],
  ['uuid', uuid],
  ['bytea', bytea],
  ['date', date],
  ['time', time],
  ['timestamp', timestamp(false)],
  ['timestamptz', timestamp(true)],
])

/** The codec of a type, or undefined where none is written: its table's rows then travel as text. */
export function codecFor(type: ColumnType): ValueCodec | undefined {
  if (type.kind === 'enum') return utf8
  if (type.kind === 'base') return baseCodecs.get(type.base)
  if (type.kind !== 'array' || !type.element) return undefined
  const element = codecFor(type.element)
  return element && arrayCodec(element, type.element.oid)
}

function arrayCodec(element: ValueCodec, elementOid: number): ValueCodec {
  return (writer, text) => {
    const parsed = parseArrayText(text)
    if (!parsed) return false
    const dimensions = dimensionsOf(parsed)
    if (!dimensions) return false
    writeArrayHeader(writer, elementOid, dimensions, true)
    return writeElements(writer, parsed, element)
  }
}

/** Header of what `array_recv` reads, with lower bounds of 1. */
export function writeArrayHeader(
  writer: ByteWriter,
  elementOid: number,
  dimensions: readonly number[],
  mayHoldNull: boolean,
): void {
  writer.int32(dimensions.length)
  writer.int32(mayHoldNull ? 1 : 0)
  writer.uint32(elementOid)
  for (const size of dimensions) {
    writer.int32(size)
    writer.int32(1)
  }
}

/** Sizes per dimension; undefined when the nesting is not rectangular. */
function dimensionsOf(elements: readonly ArrayElement[]): readonly number[] | undefined {
  if (elements.length === 0) return []
  const inner = elements.map((element) => (Array.isArray(element) ? dimensionsOf(element) : []))
  const first = inner[0]
  if (!first || inner.some((other) => !other || other.join() !== first.join())) return undefined
  return [elements.length, ...first]
}

function writeElements(writer: ByteWriter, elements: readonly ArrayElement[], codec: ValueCodec): boolean {
  for (const element of elements) {
    if (element === null) writer.int32(-1)
    else if (typeof element !== 'string') {
      if (!writeElements(writer, element, codec)) return false
    } else if (!writeSized(writer, element, codec)) return false
  }
  return true
}

/** A value preceded by its length. */
function writeSized(writer: ByteWriter, text: string, codec: ValueCodec): boolean {
  writer.int32(0)
  const start = writer.length
  if (!codec(writer, text)) return false
  writer.bytes.writeInt32BE(writer.length - start, start - 4)
  return true
}
