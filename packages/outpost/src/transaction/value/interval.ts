import type { ColumnType } from '../../postgres/catalog.ts'
import { checkText } from './check-text.ts'
import { formatTime, fractionUs } from './date-time-parts.ts'
import { refuse } from './value-problem.ts'

/** PostgreSQL keeps months, days and microseconds apart. */
interface Interval {
  months: number
  days: number
  us: number
}

const iso =
  /^(-?)P(?:(-?\d{1,9})Y)?(?:(-?\d{1,9})M)?(?:(-?\d{1,9})W)?(?:(-?\d{1,9})D)?(T(?:(-?\d{1,9})H)?(?:(-?\d{1,9})M)?(?:(-?)(\d{1,9})(?:\.(\d{1,30}))?S)?)?$/
const clock = /^([+-]?)(\d{1,9}):(\d\d)(?::(\d\d)(?:\.(\d{1,30}))?)?$/
const units: Readonly<Record<string, readonly [keyof Interval, number]>> = {
  microsecond: ['us', 1],
  millisecond: ['us', 1_000],
  second: ['us', 1_000_000],
  sec: ['us', 1_000_000],
  minute: ['us', 60_000_000],
  min: ['us', 60_000_000],
  hour: ['us', 3_600_000_000],
  day: ['days', 1],
  week: ['days', 7],
  mon: ['months', 1],
  month: ['months', 1],
  year: ['months', 12],
}

const shortNames: Readonly<Record<string, string>> = { sec: 'second', min: 'minute', mon: 'month' }
const clockUnits = ['second', 'minute', 'hour'] as const

const allFields = 0x7fff

/**
 * `interval` in IntervalStyle postgres, from ISO 8601 (`P1DT2H`) or PostgreSQL's own form (`1 day 02:00:00`).
 * A fraction is taken for seconds alone: what PostgreSQL makes of a fraction of a month is not guessed here.
 */
export function intervalText(value: unknown, type: ColumnType): string {
  if (typeof value !== 'string') return refuse(value, 'is not an interval')
  const text = checkText(value).trim()
  const interval = parseIso(text) ?? parseWords(text) ?? refuse(value, 'is not an interval such as P1DT2H')
  if (type.modifier >= 0 && type.modifier >> 16 !== allFields) {
    refuse(value, `cannot be fitted to ${type.nameWithModifier} at the site`)
  }
  const rounded = type.modifier < 0 ? interval : round(interval, type.modifier & 0xffff)
  const isFitting = isInt32(rounded.months) && isInt32(rounded.days) && Number.isSafeInteger(rounded.us)
  return isFitting ? format(rounded) : refuse(value, 'is out of range for an interval')
}

function isInt32(value: number): boolean {
  return value >= -2_147_483_648 && value <= 2_147_483_647
}

function parseIso(text: string): Interval | undefined {
  const match = iso.exec(text)
  if (match === null || text.endsWith('P') || text.endsWith('T')) return undefined
  const sign = match[1] === '-' ? -1 : 1
  const part = (index: number): number => sign * Number(match[index] ?? 0)
  const seconds = part(10) * 1_000_000 + sign * fractionUs(match[11] ?? '')
  return {
    months: part(2) * 12 + part(3),
    days: part(4) * 7 + part(5),
    us: part(7) * 3_600_000_000 + part(8) * 60_000_000 + (match[9] === '-' ? -seconds : seconds),
  }
}

function parseWords(text: string): Interval | undefined {
  const interval: Interval = { months: 0, days: 0, us: 0 }
  const words = text.split(/\s+/)
  const seen = new Set<string>()
  for (let i = 0; i < words.length; i++) {
    const isClockFree = !clockUnits.some((unit) => seen.has(unit))
    if (i === words.length - 1 && isClockFree && addClock(interval, words[i]!)) return interval
    if (!addUnit(interval, words[i]!, words[++i] ?? '', seen)) return undefined
  }
  return interval
}

function addClock(interval: Interval, word: string): boolean {
  const match = clock.exec(word)
  if (match === null || Number(match[3]) > 59 || Number(match[4] ?? 0) > 59) return false
  const seconds = Number(match[2]) * 3600 + Number(match[3]) * 60 + Number(match[4] ?? 0)
  const us = seconds * 1_000_000 + fractionUs(match[5] ?? '')
  interval.us += match[1] === '-' ? -us : us
  return true
}

/** Each unit at most once, as PostgreSQL wants it. */
function addUnit(interval: Interval, count: string, word: string, seen: Set<string>): boolean {
  const name = word.toLowerCase().replace(/s$/, '')
  const unit = Object.hasOwn(units, name) ? units[name] : undefined
  if (unit === undefined || !/^[+-]?\d{1,15}$/.test(count)) return false
  const field = shortNames[name] ?? name
  if (seen.has(field)) return false
  seen.add(field)
  interval[unit[0]] += Number(count) * unit[1]
  return true
}

function round(interval: Interval, precision: number): Interval {
  if (precision >= 6) return interval
  const step = 10 ** (6 - precision)
  const magnitude = Math.floor(Math.abs(interval.us) / step + 0.5) * step
  return { ...interval, us: interval.us < 0 ? -magnitude : magnitude }
}

/** `EncodeInterval` with INTSTYLE_POSTGRES: a `+` marks what follows a negative part. */
function format({ months, days, us }: Interval): string {
  const parts: string[] = []
  let isAfterNegative = false
  const add = (count: number, unit: string): void => {
    if (count === 0) return
    const sign = isAfterNegative && count > 0 ? '+' : ''
    parts.push(`${sign}${count} ${unit}${count === 1 ? '' : 's'}`)
    isAfterNegative = count < 0
  }
  add(Math.trunc(months / 12), 'year')
  add(months % 12, 'mon')
  add(days, 'day')
  if (us !== 0 || parts.length === 0) {
    const sign = us < 0 ? '-' : isAfterNegative ? '+' : ''
    parts.push(sign + formatTime(Math.abs(us)))
  }
  return parts.join(' ')
}
