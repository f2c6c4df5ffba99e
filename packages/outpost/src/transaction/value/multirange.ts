import type { ColumnType } from '../../postgres/catalog.ts'
import { checkText } from './check-text.ts'
import { formatRange, parseRange, rangeSubtype } from './range.ts'
import { compareLower, compareUpper, isJoined, type Range } from './range-order.ts'
import { refuse } from './value-problem.ts'

type Encode = (value: unknown, type: ColumnType) => string

/** `{[1,3),[5,7)}`: in order, overlapping and touching ranges joined, empty ones left out, as PostgreSQL keeps it. */
export function multirangeText(value: unknown, type: ColumnType, encode: Encode): string {
  if (typeof value !== 'string') return refuse(value, 'is not a multirange such as {[1,3),[5,7)}')
  const text = checkText(value).trim()
  const subtype = rangeSubtype(type)
  if (subtype === undefined) return text
  const ranges: Range[] = []
  for (const part of splitRanges(text)) {
    const range = parseRange(part, subtype, encode)
    if (range !== undefined) ranges.push(range)
  }
  return `{${join(ranges, subtype).map(formatRange).join(',')}}`
}

function join(ranges: Range[], subtype: ColumnType): Range[] {
  ranges.sort((a, b) => compareLower(a.lower, b.lower, subtype) || compareUpper(a.upper, b.upper, subtype))
  const joined: Range[] = []
  for (const range of ranges) {
    const last = joined.at(-1)
    if (last === undefined || !isJoined(last.upper, range.lower, subtype)) joined.push(range)
    else joined[joined.length - 1] = union(last, range, subtype)
  }
  return joined
}

/** Of equal bounds the later one's spelling stays (`1.50` and `1.5`), as in `range_union_internal`. */
function union(left: Range, right: Range, subtype: ColumnType): Range {
  return {
    lower: compareLower(left.lower, right.lower, subtype) < 0 ? left.lower : right.lower,
    upper: compareUpper(left.upper, right.upper, subtype) > 0 ? left.upper : right.upper,
  }
}

function splitRanges(text: string): readonly string[] {
  const fail = (): never => refuse(text, 'is not a multirange such as {[1,3),[5,7)}')
  if (!text.startsWith('{') || !text.endsWith('}')) fail()
  const body = text.slice(1, -1).trim()
  if (body === '') return []
  const parts = body.match(/\s*(?:empty|[[(](?:"(?:[^"\\]|\\.|"")*"|\\.|[^"\\\])])*[\])])\s*(?:,|$)/giy) ?? []
  if (parts.join('').length !== body.length || parts.at(-1)?.endsWith(',')) fail()
  return parts.map((part) => part.replace(/,$/, '').trim())
}
