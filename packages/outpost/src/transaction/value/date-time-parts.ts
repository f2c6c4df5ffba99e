import { type CivilDate, civilFromDays, daysFromCivil, isRealDate } from './calendar.ts'

/** Microseconds of one day. */
export const dayUs = 86_400_000_000

/** Days since 1970-01-01 and microseconds of that day; both exact in a number. */
export interface Moment {
  readonly days: number
  readonly us: number
}

/** `infinity` and `-infinity`, which dates and timestamps know. */
export function infinityText(text: string): string | undefined {
  const lower = text.toLowerCase()
  if (lower === 'infinity' || lower === '+infinity') return 'infinity'
  return lower === '-infinity' ? '-infinity' : undefined
}

/** Days since 1970-01-01 of year, month and day as digits; undefined when there is no such day. Year 0 does not exist. */
export function parseDays(
  year: string,
  month: string,
  day: string,
  isBeforeChrist: boolean,
): number | undefined {
  const number = Number(year)
  if (number === 0) return undefined
  const date: CivilDate = {
    year: isBeforeChrist ? 1 - number : number,
    month: Number(month),
    day: Number(day),
  }
  return isRealDate(date) ? daysFromCivil(date) : undefined
}

/**
 * Microseconds of `hh:mm:ss.f`; undefined when there is no such time. 24:00:00 is the end of the day, and second 60
 * the next minute, as in PostgreSQL. The fraction is rounded to the even microsecond in floating point, as it does.
 */
export function parseTimeUs(hour: string, minute: string, second = '0', fraction = ''): number | undefined {
  const [h, m, s] = [Number(hour), Number(minute), Number(second)]
  if (h > 24 || m > 59 || s > 60) return undefined
  const us = (h * 3600 + m * 60 + s) * 1_000_000 + fractionUs(fraction)
  return us > dayUs ? undefined : us
}

export function fractionUs(fraction: string): number {
  if (fraction.length <= 6) return Number(fraction.padEnd(6, '0'))
  return roundHalfEven(Number(`0.${fraction}`) * 1_000_000)
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

/** Seconds east of UTC of `Z`, `+02`, `+0530`, `+05:30` or `+05:30:15`; undefined beyond 15:59:59. */
export function parseOffsetSeconds(zone: string): number | undefined {
  if (zone === 'Z' || zone === 'z') return 0
  const [hours, minutes = '0', seconds = '0'] = zone.slice(1).replaceAll(':', '').match(/\d\d/g) ?? []
  if (Number(hours) > 15 || Number(minutes) > 59 || Number(seconds) > 59) return undefined
  const total = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
  return zone.startsWith('-') ? -total : total
}

/** `hh:mm:ss` with up to six digits of fraction, trailing zeros cut. Also for more than a day, for intervals. */
export function formatTime(us: number): string {
  const seconds = Math.floor(us / 1_000_000)
  const rest = us - seconds * 1_000_000
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return rest === 0 ? clock : `${clock}.${String(rest).padStart(6, '0').replace(/0+$/, '')}`
}

/** `yyyy-mm-dd`, and whether the year counts before Christ (the suffix stands after a time). */
export function formatDays(days: number): readonly [text: string, suffix: '' | ' BC'] {
  const { year, month, day } = civilFromDays(days)
  const shown = String(year > 0 ? year : 1 - year).padStart(4, '0')
  return [`${shown}-${two(month)}-${two(day)}`, year > 0 ? '' : ' BC']
}

export function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}
