import type { ColumnType } from '../postgres/catalog.ts'
import type { TextValue } from './operation.ts'
import { parseArray } from './value/array.ts'
import { parseComposite } from './value/composite.ts'
import { elementType } from './value/element-type.ts'

/** What an answer in JSON can carry. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue }

/**
 * A value as an API answers it. Numbers where a JSON number is exact (int2, int4, finite floats), strings for int8 and
 * numeric, ISO 8601 for timestamps (`T`, and `Z` for timestamptz), JSON and arrays opened up; everything else is
 * PostgreSQL's text. Pending rows and rows read as text from a database (TimeZone UTC, DateStyle ISO) come out alike.
 */
export function fromText(text: TextValue, type: ColumnType): JsonValue {
  if (text === null) return null
  switch (type.kind) {
    case 'array':
      return fromArray(text, type)
    case 'composite':
      return fromComposite(text, type)
    case 'base':
      return fromBase(text, type.base)
    case 'enum':
    case 'range':
    case 'multirange':
      return text
  }
}

function fromBase(text: string, base: string): JsonValue {
  switch (base) {
    case 'int2':
    case 'int4':
    case 'oid':
      return Number(text)
    case 'float4':
    case 'float8':
      return fromFloat(text)
    case 'bool':
      return text === 't' || text === 'true'
    case 'json':
    case 'jsonb':
      return JSON.parse(text) as JsonValue
    case 'timestamp':
    case 'timestamptz':
      return fromTimestamp(text)
    default:
      return text
  }
}

/** NaN and the infinities stay text: JSON has no such numbers. */
function fromFloat(text: string): JsonValue {
  const number = Number(text)
  return Number.isFinite(number) ? number : text
}

/** `2026-01-01 00:00:00.5+00` → `2026-01-01T00:00:00.5Z`; infinities stay as they are. */
function fromTimestamp(text: string): string {
  return text.replace(' ', 'T').replace(/\+00(?::?00)?(?= BC$|$)/, 'Z')
}

function fromArray(text: string, type: ColumnType): JsonValue {
  const element = elementType(type)
  const open = (item: ReturnType<typeof parseArray>[number]): JsonValue =>
    typeof item === 'object' && item !== null ? item.map(open) : fromText(item, element)
  const start = text.startsWith('[') ? text.indexOf('=') + 1 : 0
  return parseArray(text.slice(start), element.base === 'box' ? ';' : ',').map(open)
}

function fromComposite(text: string, type: ColumnType): JsonValue {
  const items = parseComposite(text)
  const fields = type.fields ?? []
  return Object.fromEntries(
    fields.map((field, index) => [field.name, fromText(items[index] ?? null, field.type)]),
  )
}
