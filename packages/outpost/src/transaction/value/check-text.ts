import { refuse } from './value-problem.ts'

/** Native since Node 20; the ES2023 library does not declare it. */
const isWellFormed = (String.prototype as unknown as { isWellFormed(): boolean }).isWellFormed

/** PostgreSQL text cannot hold a NUL, and a lone surrogate has no UTF-8 form: both are refused in every type. */
export function checkText(text: string): string {
  if (text.includes('\0')) refuse(text, 'contains a NUL character')
  if (!isWellFormed.call(text)) refuse(text, 'contains half of a surrogate pair')
  return text
}

/** The value as a checked string, or a refusal that says what was expected. */
export function expectString(value: unknown, expected: string): string {
  if (typeof value !== 'string') refuse(value, `is not ${expected}`)
  return checkText(value)
}
