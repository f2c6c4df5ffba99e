/** A finite decimal in digits: no leading zeros in `whole`, trailing zeros of `fraction` kept (they are the scale). */
export interface Decimal {
  readonly isNegative: boolean
  readonly whole: string
  readonly fraction: string
}

/** PostgreSQL's limits of `numeric`: digits before and after the point (manual, 8.1.2). */
const maximumWholeDigits = 131_072
const maximumFractionDigits = 16_383

const pattern = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d{1,7}))?$/

/** Digits of a decimal literal with its exponent worked in; undefined when it is none or exceeds `numeric`. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const whole = match[2] ?? ''
  const fraction = match[3] ?? match[4] ?? ''
  const shifted = shift(whole.replace(/^0+/, ''), fraction, Number(match[5] ?? 0))
  if (shifted === undefined) return undefined
  return { isNegative: match[1] === '-' && /[1-9]/.test(whole + fraction), ...shifted }
}

function shift(whole: string, fraction: string, exponent: number): Omit<Decimal, 'isNegative'> | undefined {
  const isZero = whole === '' && /^0*$/.test(fraction)
  const scale = Math.max(0, fraction.length - exponent)
  if (scale > maximumFractionDigits) return undefined
  if (isZero) return { whole: '', fraction: '0'.repeat(scale) }
  if (whole.length + exponent > maximumWholeDigits + fraction.length) return undefined
  const digits = (whole + fraction)
    .padEnd(whole.length + exponent, '0')
    .padStart(fraction.length - exponent, '0')
  const point = digits.length - scale
  const shifted = digits.slice(0, point).replace(/^0+/, '')
  return shifted.length > maximumWholeDigits ? undefined : { whole: shifted, fraction: digits.slice(point) }
}

/** Rounds half away from zero to `scale` digits after the point (a negative scale rounds before it). */
export function roundDecimal(value: Decimal, scale: number): Decimal {
  const digits = value.whole + value.fraction
  const keep = value.whole.length + scale
  if (keep >= digits.length) return { ...value, fraction: value.fraction.padEnd(Math.max(0, scale), '0') }
  const kept = keep <= 0 ? '0' : digits.slice(0, keep)
  const isUp = keep >= 0 && (digits[keep] ?? '0') >= '5'
  const rounded = isUp ? (BigInt(kept) + 1n).toString().padStart(kept.length, '0') : kept
  const fractionDigits = Math.max(0, scale)
  const full = scale < 0 ? rounded + '0'.repeat(-scale) : rounded.padStart(fractionDigits, '0')
  const point = full.length - fractionDigits
  const isZero = /^0*$/.test(full)
  return {
    isNegative: value.isNegative && !isZero,
    whole: full.slice(0, point).replace(/^0+/, ''),
    fraction: full.slice(point),
  }
}

/** Digits before the point that the value needs; negative for zeros that follow it; undefined for zero. */
export function wholeDigits(value: Decimal): number | undefined {
  if (value.whole !== '') return value.whole.length
  const leading = value.fraction.search(/[1-9]/)
  return leading < 0 ? undefined : -leading
}

/** As `numeric_out` writes it. */
export function formatDecimal(value: Decimal): string {
  const sign = value.isNegative ? '-' : ''
  const whole = value.whole === '' ? '0' : value.whole
  return value.fraction === '' ? sign + whole : `${sign}${whole}.${value.fraction}`
}

/** Order of two finite decimals: negative, zero or positive. Scale does not count. */
export function compareDecimal(left: Decimal, right: Decimal): number {
  const scale = Math.max(left.fraction.length, right.fraction.length)
  const difference = scaled(left, scale) - scaled(right, scale)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

function scaled(value: Decimal, scale: number): bigint {
  const magnitude = BigInt(`0${value.whole}${value.fraction.padEnd(scale, '0')}`)
  return value.isNegative ? -magnitude : magnitude
}
