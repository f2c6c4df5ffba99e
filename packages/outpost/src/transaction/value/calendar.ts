/** Days of the proleptic Gregorian calendar; day 0 is 1970-01-01. Years are astronomical: 0 is 1 BC. */
export interface CivilDate {
  readonly year: number
  readonly month: number
  readonly day: number
}

/** 4714-11-24 BC, the first day that PostgreSQL's date and timestamp can hold. */
export const firstDay = -2_440_588
/** 5874898-01-01, the first day that `date` cannot hold. */
export const endOfDates = 2_145_042_906
/** 294277-01-01, the first day that `timestamp` cannot hold. */
export const endOfTimestamps = 106_762_940

/** Days since 1970-01-01 (algorithm: H. Hinnant, "chrono-compatible low-level date algorithms"). */
export function daysFromCivil({ year, month, day }: CivilDate): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

export function civilFromDays(days: number): CivilDate {
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const dayOfEra = z - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
  }
}

const monthLengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const

export function isRealDate({ year, month, day }: CivilDate): boolean {
  if (month < 1 || month > 12 || day < 1) return false
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  return day <= (month === 2 && isLeap ? 29 : monthLengths[month - 1]!)
}
