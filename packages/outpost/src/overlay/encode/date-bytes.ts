/** Days between 1970-01-01 and 2000-01-01, PostgreSQL's epoch. */
const postgresEpochDays = 10_957

const dateText = /^(\d{4,7})-(\d\d)-(\d\d)( BC)?$/
const timeText = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/
const timestampText =
  /^(\d{4,7})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?( BC)?$/

/** Days since 2000-01-01 of the proleptic Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468 - postgresEpochDays
}

const yearOf = (digits: string, isBc: boolean): number => (isBc ? 1 - Number(digits) : Number(digits))

/** Days since 2000-01-01, or undefined when the text is not how PostgreSQL writes a finite date. */
export function parseDate(text: string): number | undefined {
  const match = dateText.exec(text)
  if (!match) return undefined
  return daysOf(yearOf(match[1]!, match[4] !== undefined), Number(match[2]), Number(match[3]))
}

function microsecondsOfDay(
  hour: string,
  minute: string,
  second: string,
  fraction: string | undefined,
): number {
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second)
  return seconds * 1_000_000 + (fraction === undefined ? 0 : Number(fraction.padEnd(6, '0')))
}

/** Microseconds since midnight. */
export function parseTime(text: string): number | undefined {
  const match = timeText.exec(text)
  return match ? microsecondsOfDay(match[1]!, match[2]!, match[3]!, match[4]) : undefined
}

function offsetSeconds(zone: string): number {
  if (zone === 'Z') return 0
  const digits = zone.slice(1).replaceAll(':', '')
  const seconds =
    Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2, 4)) * 60 + Number(digits.slice(4, 6))
  return zone.startsWith('-') ? -seconds : seconds
}

/**
 * Microseconds since 2000-01-01 (UTC when `isZoned`). Undefined for what PostgreSQL would not have written: a
 * timestamptz without its offset means something else in each session.
 */
export function parseTimestamp(text: string, isZoned: boolean): bigint | number | undefined {
  return plainTimestamp(text, isZoned) ?? anyTimestamp(text, isZoned)
}

const digit = (text: string, at: number): number => text.charCodeAt(at) - 48

/** Number of `count` digits, NaN where one is none. */
function digits(text: string, at: number, count: number): number {
  let value = 0
  for (let index = at; index < at + count; index++) {
    const next = digit(text, index)
    if (!(next >= 0 && next <= 9)) return Number.NaN
    value = value * 10 + next
  }
  return value
}

/** The form that nearly all timestamps have, `2024-01-02 03:04:05.678901+00`, read without a pattern match. */
function plainTimestamp(text: string, isZoned: boolean): number | undefined {
  const end = isZoned ? text.length - 3 : text.length
  if (end < 19 || end > 26 || (isZoned && !text.endsWith('+00'))) return undefined
  const isShaped =
    text[4] === '-' && text[7] === '-' && text[10] === ' ' && text[13] === ':' && text[16] === ':'
  const hasFraction = end > 20 && text[19] === '.'
  if (!isShaped || (end !== 19 && !hasFraction)) return undefined
  const days = daysOf(digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2))
  const seconds = digits(text, 11, 2) * 3600 + digits(text, 14, 2) * 60 + digits(text, 17, 2)
  const fraction = hasFraction ? digits(text, 20, end - 20) * 10 ** (26 - end) : 0
  const value = days * 86_400_000_000 + seconds * 1_000_000 + fraction
  return days > -100_000 && days < 100_000 && Number.isFinite(value) ? value : undefined
}

function anyTimestamp(text: string, isZoned: boolean): bigint | number | undefined {
  const match = timestampText.exec(text)
  if (!match || (match[8] !== undefined) !== isZoned) return undefined
  const days = daysOf(yearOf(match[1]!, match[9] !== undefined), Number(match[2]), Number(match[3]))
  const ofDay = microsecondsOfDay(match[4]!, match[5]!, match[6]!, match[7])
  const shift = isZoned ? offsetSeconds(match[8]!) * 1_000_000 : 0
  // Within about 270 years of the epoch a double holds the microseconds exactly.
  if (days > -100_000 && days < 100_000) return days * 86_400_000_000 + ofDay - shift
  return BigInt(days) * 86_400_000_000n + BigInt(ofDay - shift)
}
