import type { ColumnType } from '../../postgres/catalog.ts'
import { expectString } from './check-text.ts'
import { refuse } from './value-problem.ts'

/** `text` and other unlimited strings. Numbers are refused rather than guessed into text. */
export function plainText(value: unknown): string {
  return expectString(value, 'a string')
}

/** `varchar(n)`: at most n code points; surplus spaces at the end are cut as PostgreSQL does. */
export function varcharText(value: unknown, type: ColumnType): string {
  const text = plainText(value)
  return type.modifier < 4 ? text : fit(text, type.modifier - 4, type)
}

/** `char(n)`: padded with spaces to n code points; a bare `bpchar` has no length and stays as it is. */
export function bpcharText(value: unknown, type: ColumnType): string {
  const text = plainText(value)
  if (type.modifier < 4) return text
  const limit = type.modifier - 4
  const fitted = fit(text, limit, type)
  return fitted + ' '.repeat(limit - codePoints(fitted))
}

/** `name`: PostgreSQL would cut it silently at 63 bytes; here that is an error. */
export function nameText(value: unknown): string {
  const text = plainText(value)
  if (Buffer.byteLength(text) > 63) refuse(value, 'is longer than 63 bytes')
  return text
}

/** `bit(n)` takes exactly n digits, `varbit(n)` at most n. */
export function bitText(value: unknown, type: ColumnType): string {
  const text = plainText(value)
  if (!/^[01]*$/.test(text)) refuse(value, 'is not a string of 0 and 1')
  const limit = type.modifier
  const isFitting = limit < 0 || (type.base === 'bit' ? text.length === limit : text.length <= limit)
  if (!isFitting) refuse(value, `has ${text.length} bits, which ${type.nameWithModifier} does not take`)
  return text
}

function fit(text: string, limit: number, type: ColumnType): string {
  if (text.length <= limit) return text
  const length = codePoints(text)
  if (length <= limit) return text
  const points = [...text]
  const surplus = points.slice(limit).join('')
  if (!/^ *$/.test(surplus))
    refuse(text, `is ${length} characters long; ${type.nameWithModifier} takes ${limit}`)
  return points.slice(0, limit).join('')
}

function codePoints(text: string): number {
  let count = text.length
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xd800) count--
  return count
}
