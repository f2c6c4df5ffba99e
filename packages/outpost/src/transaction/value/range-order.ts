import type { ColumnType } from '../../postgres/catalog.ts'
import { compareDecimal, parseDecimal } from './decimal.ts'

/** An absent value is an infinite bound, which is never inclusive. */
export interface Bound {
  readonly value?: string
  readonly isInclusive: boolean
}

export interface Range {
  readonly lower: Bound
  readonly upper: Bound
}

/** Order of two canonical texts of one type: negative, zero, positive. Texts of unknown order compare as unequal. */
export function compareValues(left: string, right: string, type: Pick<ColumnType, 'base'>): number {
  if (left === right) return 0
  switch (type.base) {
    case 'int2':
    case 'int4':
    case 'int8':
    case 'numeric':
    case 'float4':
    case 'float8':
      return compareNumbers(left, right)
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return compareText(dateKey(left), dateKey(right))
    case 'time':
      return compareText(left, right)
    default:
      return -1
  }
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

const numberOrder: Readonly<Record<string, number>> = { '-Infinity': -1, Infinity: 1, NaN: 2 }

const plainInteger = /^-?\d{1,15}$/

function compareNumbers(left: string, right: string): number {
  if (plainInteger.test(left) && plainInteger.test(right)) return Number(left) - Number(right)
  const leftRank = numberOrder[left] ?? 0
  const rightRank = numberOrder[right] ?? 0
  if (leftRank !== rightRank) return leftRank - rightRank
  const [a, b] = [parseDecimal(left), parseDecimal(right)]
  return a === undefined || b === undefined ? 0 : compareDecimal(a, b)
}

/** A text that sorts as the date does: years padded, years before Christ counted backwards. */
function dateKey(text: string): string {
  if (text === 'infinity') return '3'
  if (text === '-infinity') return '0'
  const isBeforeChrist = text.endsWith(' BC')
  const body = text.replace(/(\+00)?( BC)?$/, '')
  const dash = body.indexOf('-')
  const year = Number(body.slice(0, dash))
  const shown = String(isBeforeChrist ? 10_000_000 - year : year).padStart(8, '0')
  return `${isBeforeChrist ? '1' : '2'}${shown}${body.slice(dash)}`
}

/** Order of two lower bounds: an infinite one first, an inclusive one before an exclusive one. */
export function compareLower(left: Bound, right: Bound, type: ColumnType): number {
  if (left.value === undefined || right.value === undefined) {
    return Number(left.value !== undefined) - Number(right.value !== undefined)
  }
  return compareValues(left.value, right.value, type) || Number(right.isInclusive) - Number(left.isInclusive)
}

/** Order of two upper bounds: an infinite one last, an exclusive one before an inclusive one. */
export function compareUpper(left: Bound, right: Bound, type: ColumnType): number {
  if (left.value === undefined || right.value === undefined) {
    return Number(right.value !== undefined) - Number(left.value !== undefined)
  }
  return compareValues(left.value, right.value, type) || Number(left.isInclusive) - Number(right.isInclusive)
}

/** Whether a range that ends at `upper` overlaps or touches one that begins at `lower`. */
export function isJoined(upper: Bound, lower: Bound, type: ColumnType): boolean {
  if (upper.value === undefined || lower.value === undefined) return true
  const order = compareValues(upper.value, lower.value, type)
  return order > 0 || (order === 0 && (upper.isInclusive || lower.isInclusive))
}
