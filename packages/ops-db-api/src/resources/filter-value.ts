import { isStorableText } from '../text-hygiene.ts'
import type { ColumnKind } from './resource.ts'

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
/** Zones reach to 15:59; the year 0 is unknown to PostgreSQL. */
const timestampPattern =
  /^(?!0000)\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-5])(:?[0-5]\d)?)?)?$/
/** Longest text that a filter compares with, in UTF-16 units. */
export const maxTextLength = 1_000
const maxInt4 = 2_147_483_647
const maxInt8 = 9_223_372_036_854_775_807n

/** True when a value from a query string can be compared with a column of this kind without PostgreSQL refusing it. */
export function isFilterValue(kind: ColumnKind, value: string): boolean {
  switch (kind) {
    case 'uuid':
      return uuidPattern.test(value)
    case 'integer':
      return /^-?\d{1,10}$/.test(value) && Math.abs(Number(value)) <= maxInt4
    case 'bigint':
      return /^-?\d{1,19}$/.test(value) && BigInt(value) <= maxInt8 && BigInt(value) >= -maxInt8
    case 'number':
      return /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(value) && isWithinDouble(value)
    case 'boolean':
      return value === 'true' || value === 'false'
    case 'timestamp':
      return timestampPattern.test(value) && isRealDate(value)
    case 'text':
      return value.length <= maxTextLength && isStorableText(value)
    case 'json':
      return false
  }
}

/**
 * The value as it is bound. A timestamp without a zone is taken as UTC here, or it would mean whatever the
 * database session's time zone is.
 */
export function boundValue(kind: ColumnKind, value: string): string {
  if (kind !== 'timestamp') return value
  if (/([Zz]|[+-]\d\d(:?\d\d)?)$/.test(value.slice(10))) return value
  return value.length === 10 ? `${value} 00:00:00Z` : `${value}Z`
}

/** PostgreSQL refuses what is too large for a double, and what is too small to differ from 0. */
function isWithinDouble(value: string): boolean {
  const number = Number(value)
  return Number.isFinite(number) && (number !== 0 || !/[1-9]/.test(value.replace(/e.*/i, '')))
}

/** `2024-02-31` matches the pattern and is no date: JavaScript rolls it over into March. */
function isRealDate(value: string): boolean {
  const day = value.slice(0, 10)
  const date = new Date(`${day}T00:00:00Z`)
  const isDay = !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 10) === day
  const [hour, minute, second] = [value.slice(11, 13), value.slice(14, 16), value.slice(17, 19)].map(Number)
  return isDay && (hour ?? 0) <= 23 && (minute ?? 0) <= 59 && (second ?? 0) <= 59
}
