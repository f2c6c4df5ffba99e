import type { ColumnType } from '../../postgres/catalog.ts'
import { checkText } from './check-text.ts'
import { dayUs, formatTime, parseOffsetSeconds, parseTimeUs, two } from './date-time-parts.ts'
import { refuse } from './value-problem.ts'

const pattern = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,30}))?)? ?([Zz]|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?$/

/** `time` or `timetz` from `hh:mm[:ss[.f]]`; `timetz` keeps its offset (none means UTC), `time` takes none. */
export function timeText(value: unknown, type: ColumnType): string {
  if (typeof value !== 'string') return refuse(value, 'is not a time of day')
  const match = pattern.exec(checkText(value)) ?? refuse(value, 'is not a time of day such as 23:59:59')
  const us = parseTimeUs(match[1]!, match[2]!, match[3], match[4])
  if (us === undefined) return refuse(value, 'is not a time of day')
  const clock = formatTime(round(us, type.modifier))
  if (type.base === 'time') {
    if (match[5] !== undefined)
      refuse(value, 'has an offset from UTC, which a time without time zone would lose')
    return clock
  }
  const offset = parseOffsetSeconds(match[5] ?? 'Z')
  return clock + formatOffset(offset ?? refuse(value, 'has no valid offset from UTC'))
}

function round(us: number, precision: number): number {
  if (precision < 0 || precision >= 6) return us
  const step = 10 ** (6 - precision)
  return Math.min(Math.floor(us / step + 0.5) * step, dayUs)
}

function formatOffset(seconds: number): string {
  const magnitude = Math.abs(seconds)
  const minutes = Math.floor(magnitude / 60) % 60
  const rest = magnitude % 60
  const hours = `${seconds < 0 ? '-' : '+'}${two(Math.floor(magnitude / 3600))}`
  if (rest !== 0) return `${hours}:${two(minutes)}:${two(rest)}`
  return minutes === 0 ? hours : `${hours}:${two(minutes)}`
}
