import type { ColumnType } from '../../postgres/catalog.ts'
import { specialNumber } from './numeric.ts'
import { refuse } from './value-problem.ts'

const pattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const maximumCharacters = 1_000

/**
 * `float4` and `float8` as PostgreSQL 12 and later write them: the fewest digits that read back as the same number
 * (src/common/d2s.c and f2s.c), in scientific form from 10^15 (float8) or 10^6 (float4) and below 10^-4.
 */
export function floatText(value: unknown, type: Pick<ColumnType, 'base' | 'name'>): string {
  const isSingle = type.base === 'float4'
  const parsed = parse(value)
  const number = isSingle ? Math.fround(parsed) : parsed
  if (Number.isNaN(number)) return 'NaN'
  if (!Number.isFinite(number)) {
    if (Number.isFinite(parsed)) refuse(value, `is out of range for ${type.name}`)
    return number < 0 ? '-Infinity' : 'Infinity'
  }
  if (number === 0 && parsed !== 0) refuse(value, `is out of range for ${type.name}`)
  return formatFloat(number, isSingle)
}

function parse(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return parse(value.toString())
  if (typeof value !== 'string' || value.length > maximumCharacters) return refuse(value, 'is not a number')
  const special = specialNumber(value)
  if (special !== undefined) return Number(special)
  if (!pattern.test(value)) return refuse(value, 'is not a number')
  const number = Number(value)
  const isUnderflow = number === 0 && /[1-9]/.test(value.replace(/[eE].*/, ''))
  if (isUnderflow || !Number.isFinite(number)) refuse(value, 'is out of range for a floating point number')
  return number
}

/** The number in PostgreSQL's shortest text. */
function formatFloat(number: number, isSingle: boolean): string {
  if (number === 0) return Object.is(number, -0) ? '-0' : '0'
  const magnitude = Math.abs(number)
  const [digits, exponent] = isSingle ? shortestSingle(magnitude) : shortestDouble(magnitude)
  return (number < 0 ? '-' : '') + layOut(digits, exponent, isSingle ? 6 : 15)
}

function layOut(digits: string, exponent: number, scientificFrom: number): string {
  if (exponent < -4 || exponent >= scientificFrom) {
    const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`
    const power = String(Math.abs(exponent)).padStart(2, '0')
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${power}`
  }
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`
  if (digits.length <= exponent + 1) return digits.padEnd(exponent + 1, '0')
  return `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`
}

/** Significant digits without trailing zeros, and the decimal exponent of the first. */
function split(scientific: string): readonly [string, number] {
  const at = scientific.indexOf('e')
  const digits = scientific.slice(0, at).replace('.', '')
  return [digits.replace(/0+$/, '') || '0', Number(scientific.slice(at + 1))]
}

function shortestDouble(magnitude: number): readonly [string, number] {
  const shortest = magnitude.toExponential()
  if (magnitude < 2 ** 52 || isInside(shortest, magnitude)) return split(shortest)
  return firstInside(split(shortest)[0].length, 17, magnitude, isInside)
}

function shortestSingle(magnitude: number): readonly [string, number] {
  return firstInside(0, 9, magnitude, isInsideSingle)
}

function firstInside(
  from: number,
  most: number,
  magnitude: number,
  test: (text: string, magnitude: number) => boolean,
): readonly [string, number] {
  for (let fraction = from; fraction < most - 1; fraction++) {
    const text = roundHalfEven(magnitude, fraction)
    if (test(text, magnitude)) return split(text)
  }
  return split(roundHalfEven(magnitude, most - 1))
}

/** toExponential takes the larger of two equally near decimals; PostgreSQL takes the even one. */
function roundHalfEven(magnitude: number, fraction: number): string {
  const text = magnitude.toExponential(fraction)
  const at = text.indexOf('e')
  const last = text.charCodeAt(at - 1) - 48
  if (last % 2 === 0) return text
  const even = `${text.slice(0, at - 1)}${last - 1}`
  const isTie = magnitude.toExponential(Math.min(100, fraction + 40)).startsWith(`${even}5`)
  return isTie && hasOnlyZerosAfter(magnitude, fraction + 1) ? even + text.slice(at) : text
}

function hasOnlyZerosAfter(magnitude: number, fraction: number): boolean {
  const long = magnitude.toExponential(100)
  return /^0*$/.test(long.slice(fraction + 2, long.indexOf('e')))
}

/**
 * PostgreSQL, unlike JavaScript, does not accept a decimal that lies exactly half way between two numbers although
 * round-to-even would read it back. Above 2^52 such decimals exist: compared exactly, as integers.
 */
function isInside(text: string, magnitude: number): boolean {
  if (Number(text) !== magnitude) return false
  const exact = BigInt(magnitude)
  const distance = integerOf(text) - exact
  if (distance === 0n) return true
  const step = distance > 0n ? BigInt(nextUp(magnitude)) - exact : exact - BigInt(nextDown(magnitude))
  return 2n * (distance < 0n ? -distance : distance) < step
}

function integerOf(text: string): bigint {
  const [digits, exponent] = split(text)
  return BigInt(digits.padEnd(exponent + 1, '0').slice(0, exponent + 1))
}

function isInsideSingle(text: string, magnitude: number): boolean {
  const read = Number(text)
  if (Math.fround(read) !== magnitude) return false
  if (read === magnitude) return true
  const neighbour = neighbourSingle(magnitude, read > magnitude ? 1 : -1)
  return Math.abs(read - magnitude) * 2 !== Math.abs(neighbour - magnitude)
}

const buffer = new DataView(new ArrayBuffer(8))

function nextUp(magnitude: number): number {
  buffer.setFloat64(0, magnitude)
  buffer.setBigUint64(0, buffer.getBigUint64(0) + 1n)
  const next = buffer.getFloat64(0)
  return Number.isFinite(next) ? next : magnitude
}

function nextDown(magnitude: number): number {
  buffer.setFloat64(0, magnitude)
  buffer.setBigUint64(0, buffer.getBigUint64(0) - 1n)
  return buffer.getFloat64(0)
}

function neighbourSingle(magnitude: number, step: 1 | -1): number {
  buffer.setFloat32(0, magnitude)
  buffer.setUint32(0, buffer.getUint32(0) + step)
  const next = buffer.getFloat32(0)
  return Number.isFinite(next) ? next : magnitude * 2
}
