import { endOfDates, firstDay } from './calendar.ts'
import { checkText } from './check-text.ts'
import { formatDays, infinityText, parseDays } from './date-time-parts.ts'
import { refuse } from './value-problem.ts'

const pattern = /^(\d{4,7})-(\d\d)-(\d\d)( BC)?$/i

/** `date` from `yyyy-mm-dd` (optionally ` BC`), an infinity, or the UTC day of a Date. A time of day is refused. */
export function dateText(value: unknown): string {
  const text = value instanceof Date ? isoDay(value) : value
  if (typeof text !== 'string') return refuse(value, 'is not a date')
  const infinity = infinityText(text)
  if (infinity !== undefined) return infinity
  const match = pattern.exec(checkText(text)) ?? refuse(value, 'is not a date such as 2026-01-31')
  const days = parseDays(match[1]!, match[2]!, match[3]!, match[4] !== undefined)
  if (days === undefined) return refuse(value, 'is not a day of the calendar')
  if (days < firstDay || days >= endOfDates) refuse(value, 'is out of range for date')
  return formatDays(days).join('')
}

function isoDay(date: Date): string {
  if (Number.isNaN(date.getTime())) return refuse('Invalid Date', 'is not a date')
  return formatDays(Math.floor(date.getTime() / 86_400_000)).join('')
}
