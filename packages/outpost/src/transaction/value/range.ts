import type { ColumnType } from '../../postgres/catalog.ts'
import { endOfDates } from './calendar.ts'
import { checkText } from './check-text.ts'
import { readQuotable } from './composite.ts'
import { formatDays, parseDays } from './date-time-parts.ts'
import { type Bound, compareValues, type Range } from './range-order.ts'
import { refuse } from './value-problem.ts'

type Encode = (value: unknown, type: ColumnType) => string

/** Subtypes of the built-in ranges, for a catalog that does not name them. */
const builtIn: Readonly<Record<string, string>> = {
  int4: 'int4',
  int8: 'int8',
  num: 'numeric',
  date: 'date',
  ts: 'timestamp',
  tstz: 'timestamptz',
}

/** The type of a range's bounds; undefined when the catalog does not tell. */
export function rangeSubtype(type: ColumnType): ColumnType | undefined {
  if (type.element !== undefined)
    return type.element.kind === 'range' ? rangeSubtype(type.element) : type.element
  const base = builtIn[type.base.replace(/(multi)?range$/, '')]
  if (base === undefined) return undefined
  return {
    oid: 0,
    name: base,
    nameWithModifier: base,
    modifier: -1,
    kind: 'base',
    base,
    hasExactEquality: true,
  }
}

/** A range from `[1,10)` or `empty`, written as PostgreSQL writes it: discrete ranges as `[)`, infinite bounds open. */
export function rangeText(value: unknown, type: ColumnType, encode: Encode): string {
  if (typeof value !== 'string') return refuse(value, 'is not a range such as [1,10)')
  const subtype = rangeSubtype(type)
  const text = checkText(value).trim()
  if (subtype === undefined) return text
  return formatRange(parseRange(text, subtype, encode))
}

/** A range in canonical form; undefined when it is empty. */
export function parseRange(text: string, subtype: ColumnType, encode: Encode): Range | undefined {
  if (text.toLowerCase() === 'empty') return undefined
  const open = text[0]
  const close = text.at(-1)
  const fail = (): never => refuse(text, 'is not a range such as [1,10)')
  if ((open !== '[' && open !== '(') || (close !== ']' && close !== ')')) fail()
  const body = text.slice(1, -1)
  const [lower, comma] = readQuotable(body, 0, ',') ?? fail()
  const [upper, end] = readQuotable(body, comma + 1, ',') ?? fail()
  if (comma >= body.length || end < body.length) fail()
  const bound = (item: string | null, isInclusive: boolean): Bound =>
    item === null ? { isInclusive: false } : { value: encode(item, subtype), isInclusive }
  return canonical({ lower: bound(lower, open === '['), upper: bound(upper, close === ']') }, subtype)
}

function canonical(range: Range, subtype: ColumnType): Range | undefined {
  const isDiscrete = subtype.base === 'int4' || subtype.base === 'int8' || subtype.base === 'date'
  const order = boundOrder(range, subtype)
  if (order === 0 && !(range.lower.isInclusive && range.upper.isInclusive)) return undefined
  const { lower, upper } = isDiscrete ? discrete(range, subtype.base) : range
  if (lower.value === undefined || upper.value === undefined) return { lower, upper }
  const isEmpty = isDiscrete && !upper.isInclusive && compareValues(lower.value, upper.value, subtype) >= 0
  return isEmpty ? undefined : { lower, upper }
}

/** Order of the bounds as given; undefined when one is infinite. Bounds the wrong way round are refused. */
function boundOrder({ lower, upper }: Range, subtype: ColumnType): number | undefined {
  if (lower.value === undefined || upper.value === undefined) return undefined
  const order = compareValues(lower.value, upper.value, subtype)
  return order > 0 ? refuse(lower.value, 'is greater than the upper bound of its range') : order
}

function discrete({ lower, upper }: Range, base: string): Range {
  const next = (value: string): string => (base === 'date' ? nextDay(value) : nextInteger(value, base))
  return {
    lower:
      lower.value === undefined || lower.isInclusive
        ? lower
        : { value: next(lower.value), isInclusive: isFiniteDate(lower.value) },
    upper:
      upper.value === undefined || !upper.isInclusive
        ? upper
        : { value: next(upper.value), isInclusive: !isFiniteDate(upper.value) },
  }
}

/** The infinities of `date` have no next day, so such a bound keeps its inclusiveness. */
function isFiniteDate(value: string): boolean {
  return !value.endsWith('infinity')
}

function nextInteger(value: string, base: string): string {
  const next = BigInt(value) + 1n
  const end = base === 'int4' ? 2n ** 31n : 2n ** 63n
  return next < end ? next.toString() : refuse(value, 'is too large to be a bound of this range')
}

function nextDay(value: string): string {
  if (!isFiniteDate(value)) return value
  const match = /^(\d+)-(\d\d)-(\d\d)( BC)?$/.exec(value) ?? refuse(value, 'is not a date')
  const days =
    parseDays(match[1]!, match[2]!, match[3]!, match[4] !== undefined) ?? refuse(value, 'is not a date')
  if (days + 1 >= endOfDates) refuse(value, 'is too late to be a bound of this range')
  return formatDays(days + 1).join('')
}

export function formatRange(range: Range | undefined): string {
  if (range === undefined) return 'empty'
  const { lower, upper } = range
  const open = lower.isInclusive ? '[' : '('
  const close = upper.isInclusive ? ']' : ')'
  return `${open}${quoteBound(lower.value)},${quoteBound(upper.value)}${close}`
}

/** Quoted where `range_out` quotes; quotes and backslashes are doubled. */
function quoteBound(value: string | undefined): string {
  if (value === undefined) return ''
  return value !== '' && !/["\\()[\], \t\n\r\v\f]/.test(value)
    ? value
    : `"${value.replace(/["\\]/g, '$&$&')}"`
}
