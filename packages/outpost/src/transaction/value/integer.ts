import type { ColumnType } from '../../postgres/catalog.ts'
import { refuse } from './value-problem.ts'

const bounds: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int2: [-32_768n, 32_767n],
  int4: [-2_147_483_648n, 2_147_483_647n],
  int8: [-(2n ** 63n), 2n ** 63n - 1n],
  oid: [0n, 4_294_967_295n],
}

const maximumDigits = 100

/** Range-checked decimal text of `int2`, `int4`, `int8` or `oid`. A number beyond 2^53 is refused: it is not exact. */
export function integerText(value: unknown, type: ColumnType): string {
  const [low, high] = bounds[type.base] ?? refuse(value, 'has no integer type')
  if (typeof value === 'number' && Number.isSafeInteger(value)) {
    if (value < low || value > high) refuse(value, `is out of range for ${type.nameWithModifier}`)
    return value === 0 ? '0' : String(value)
  }
  const integer = exactInteger(value)
  if (integer < low || integer > high) refuse(value, `is out of range for ${type.nameWithModifier}`)
  return integer.toString()
}

function exactInteger(value: unknown): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') {
    const reason = Number.isInteger(value)
      ? 'is too large for an exact number: send it as a string'
      : 'is not an integer'
    return refuse(value, reason)
  }
  if (typeof value !== 'string' || value.length > maximumDigits || !/^[+-]?\d+$/.test(value)) {
    return refuse(value, 'is not an integer')
  }
  return BigInt(value.startsWith('+') ? value.slice(1) : value)
}
