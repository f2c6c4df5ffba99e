import fc from 'fast-check'
import { digits, join, junk, maybe, sign } from './value-pieces.spec-suite.ts'

// Numbers, and texts near the borders of the number types.

export const integerText = fc.oneof(
  join(sign, digits(20)),
  fc.constantFrom(
    '32767',
    '32768',
    '-32768',
    '-32769',
    '2147483647',
    '2147483648',
    '-2147483648',
    '-2147483649',
  ),
  fc.constantFrom(
    '9223372036854775807',
    '9223372036854775808',
    '-9223372036854775808',
    '-9223372036854775809',
    '1.0',
    '1e3',
    '-0',
  ),
  junk,
)
export const decimalText = fc.oneof(
  join(
    sign,
    digits(30),
    maybe(join(fc.constant('.'), maybe(digits(30)))),
    maybe(join(fc.constantFrom('e', 'E'), sign, digits(2))),
  ),
  join(sign, fc.constant('.'), digits(10)),
  fc.constantFrom(
    '0.005',
    '-0.005',
    '99999999.994',
    '99999999.995',
    '1e131071',
    '1e131072',
    '1e-16383',
    '1e-16384',
    '-0.000',
    '1e400',
    '1e-400',
  ),
  junk,
)
export const floats = fc.oneof(
  fc.double(),
  fc.float(),
  fc.integer(),
  fc.maxSafeInteger().map((n) => n * 1e9),
  fc.integer({ min: 48, max: 120 }).map((n) => 2 ** n),
  fc.integer({ min: 2 ** 30, max: 2 ** 31 - 1 }).map((n) => n * 2 ** 20 + n / 2 ** 20),
  fc.integer({ min: 0, max: 2 ** 30 }).map((n) => 2 ** 50 + n / 8),
  fc.constantFrom(1e23, 2 ** 53, 1e15, 1e14, 1e6, 123456.5, 1e-4, 1e-5, 5e-324, -0),
)
export const singles = fc.oneof(
  fc.float(),
  fc.integer({ min: -(2 ** 26), max: 2 ** 26 }),
  fc.constantFrom(1e6, 999999, 1e-5, 0.1, 16777216, 33554434, 8388608.5, -0),
)

export const smallInteger = fc.integer({ min: -20, max: 20 }).map(String)
