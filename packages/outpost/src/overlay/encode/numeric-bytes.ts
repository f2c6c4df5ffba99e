import type { ByteWriter } from './byte-writer.ts'

const numericText = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,5}))?$/
const positive = 0x0000
const negative = 0x4000

const specialSigns: ReadonlyMap<string, number> = new Map([
  ['NaN', 0xc000],
  ['Infinity', 0xd000],
  ['-Infinity', 0xf000],
])

/** Writes what `numeric_recv` reads: base-10000 digits, weight, sign and display scale. False when malformed. */
export function writeNumeric(writer: ByteWriter, text: string): boolean {
  const special = specialSigns.get(text)
  if (special !== undefined) {
    writeHeader(writer, 0, 0, special, 0)
    return true
  }
  const match = numericText.exec(text)
  if (!match) return false
  const exponent = Number(match[4] ?? 0)
  const fraction = match[3] ?? ''
  const whole = match[2]!
  if (whole === '' && fraction === '') return false
  const scale = Math.max(0, fraction.length - exponent)
  writeDigits(writer, match[1] === '-', shiftPoint(whole, fraction, exponent), scale)
  return true
}

function shiftPoint(whole: string, fraction: string, exponent: number): readonly [string, string] {
  const digits = whole + fraction
  const point = whole.length + exponent
  if (point <= 0) return ['', '0'.repeat(-point) + digits]
  if (point >= digits.length) return [digits + '0'.repeat(point - digits.length), '']
  return [digits.slice(0, point), digits.slice(point)]
}

function writeDigits(
  writer: ByteWriter,
  isNegative: boolean,
  parts: readonly [string, string],
  scale: number,
): void {
  const whole = parts[0].replace(/^0+/, '')
  const groupsBefore = Math.ceil(whole.length / 4)
  const padded =
    whole.padStart(groupsBefore * 4, '0') + parts[1].padEnd(Math.ceil(parts[1].length / 4) * 4, '0')
  const digits: number[] = []
  for (let at = 0; at < padded.length; at += 4) digits.push(Number(padded.slice(at, at + 4)))
  let weight = groupsBefore - 1
  while (digits.length > 0 && digits[0] === 0) {
    digits.shift()
    weight--
  }
  while (digits.length > 0 && digits[digits.length - 1] === 0) digits.pop()
  const isZero = digits.length === 0
  writeHeader(writer, digits.length, isZero ? 0 : weight, isNegative && !isZero ? negative : positive, scale)
  for (const digit of digits) writer.int16(digit)
}

function writeHeader(writer: ByteWriter, count: number, weight: number, sign: number, scale: number): void {
  writer.int16(count)
  writer.int16(weight)
  writer.int16(sign > 0x7fff ? sign - 0x10000 : sign)
  writer.int16(scale)
}
