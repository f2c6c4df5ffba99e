import type { ColumnType } from '../../postgres/catalog.ts'
import { endOfTimestamps, firstDay } from './calendar.ts'
import { checkText } from './check-text.ts'
import {
  dayUs,
  formatDays,
  formatTime,
  infinityText,
  type Moment,
  parseDays,
  parseOffsetSeconds,
  parseTimeUs,
} from './date-time-parts.ts'
import { refuse } from './value-problem.ts'

const pattern =
  /^(\d{4,6})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,30}))?)?)? ?([Zz]|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?( BC)?$/

/** Day 10,957 is 2000-01-01, PostgreSQL's own zero: rounding to a precision goes away from it. */
const postgresEpochDay = 10_957

/**
 * `timestamp` or `timestamptz` as written with DateStyle ISO and TimeZone UTC, from ISO 8601 or a Date.
 * A `timestamptz` without an offset is taken as UTC, never as the local time of some server. For a plain `timestamp`
 * PostgreSQL would silently ignore an offset; here only none, `Z` and `+00` are taken.
 */
export function timestampText(value: unknown, type: ColumnType): string {
  const isZoned = type.base === 'timestamptz'
  if (value instanceof Date) return ofMoment(momentOfMs(value.getTime()), type.modifier, isZoned)
  if (typeof value !== 'string') return refuse(value, 'is not a timestamp')
  const infinity = infinityText(value)
  if (infinity !== undefined) return infinity
  return ofMoment(parseMoment(value, isZoned), type.modifier, isZoned)
}

/** The instant in the column's text. Cheap: one is made for each transaction. */
export function instantText(ms: number, isZoned: boolean, modifier = -1): string {
  return ofMoment(momentOfMs(ms), modifier, isZoned)
}

function momentOfMs(ms: number): Moment {
  if (Number.isNaN(ms)) refuse('Invalid Date', 'is not a timestamp')
  const days = Math.floor(ms / 86_400_000)
  return { days, us: Math.floor((ms - days * 86_400_000) * 1000) }
}

function parseMoment(text: string, isZoned: boolean): Moment {
  const match =
    pattern.exec(checkText(text)) ?? refuse(text, 'is not a timestamp such as 2026-01-31T12:00:00Z')
  const days = parseDays(match[1]!, match[2]!, match[3]!, match[9] !== undefined)
  const us = parseTimeUs(match[4] ?? '0', match[5] ?? '0', match[6], match[7])
  if (days === undefined || us === undefined) return refuse(text, 'is not a moment of the calendar')
  const offset = match[8] === undefined ? 0 : parseOffsetSeconds(match[8])
  if (offset === undefined) return refuse(text, 'has no valid offset from UTC')
  if (!isZoned && offset !== 0)
    refuse(text, 'has an offset from UTC, which a timestamp without time zone would lose')
  return carry(days, us - offset * 1_000_000)
}

function carry(days: number, us: number): Moment {
  const extra = Math.floor(us / dayUs)
  return { days: days + extra, us: us - extra * dayUs }
}

function ofMoment(moment: Moment, precision: number, isZoned: boolean): string {
  const { days, us } = precision >= 0 && precision < 6 ? round(moment, precision) : moment
  if (days < firstDay || days >= endOfTimestamps)
    refuse(formatDays(days).join(''), 'is out of range for a timestamp')
  const [day, suffix] = formatDays(days)
  return `${day} ${formatTime(us)}${isZoned ? '+00' : ''}${suffix}`
}

/** Half away from 2000-01-01, as `AdjustTimestampForTypmod` does. A day is a multiple of every step. */
function round({ days, us }: Moment, precision: number): Moment {
  const step = 10 ** (6 - precision)
  const rounded = days >= postgresEpochDay ? Math.floor(us / step + 0.5) : Math.ceil(us / step - 0.5)
  return carry(days, rounded * step)
}
