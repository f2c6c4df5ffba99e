import type { ColumnType } from '../../postgres/catalog.ts'
import { formatDecimal, parseDecimal, roundDecimal, wholeDigits } from './decimal.ts'
import { refuse } from './value-problem.ts'

const specials: ReadonlyMap<string, string> = new Map([
  ['nan', 'NaN'],
  ['inf', 'Infinity'],
  ['+inf', 'Infinity'],
  ['-inf', '-Infinity'],
  ['infinity', 'Infinity'],
  ['+infinity', 'Infinity'],
  ['-infinity', '-Infinity'],
])

/** NaN and the infinities as PostgreSQL writes them, or undefined. */
export function specialNumber(text: string): string | undefined {
  return text.length > 9 || text.length < 3 ? undefined : specials.get(text.toLowerCase())
}

/** Precision and scale of a `numeric` modifier (`numeric(10,2)`); the scale is an 11-bit signed number since 15. */
function numericModifier(
  modifier: number,
): { readonly precision: number; readonly scale: number } | undefined {
  if (modifier < 4) return undefined
  const packed = modifier - 4
  return { precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 1024) - 1024 }
}

/** `numeric` text, rounded half away from zero to the column's scale; its own scale is kept where there is none. */
export function numericText(value: unknown, type: ColumnType): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') {
    return refuse(value, 'is not a number')
  }
  const text = String(value)
  const special = specialNumber(text)
  const limit = numericModifier(type.modifier)
  if (special !== undefined) {
    if (limit !== undefined && special !== 'NaN') refuse(value, `does not fit ${type.nameWithModifier}`)
    return special
  }
  const decimal = parseDecimal(text) ?? refuse(value, 'is not a number that numeric can hold')
  if (limit === undefined) return formatDecimal(decimal)
  const rounded = roundDecimal(decimal, limit.scale)
  const digits = wholeDigits(rounded)
  if (digits !== undefined && digits > limit.precision - limit.scale) {
    refuse(value, `has too many digits for ${type.nameWithModifier}`)
  }
  return formatDecimal(rounded)
}
