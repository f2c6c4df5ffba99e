import fc from 'fast-check'

// Pieces that the texts of values are put together from.

const text = fc
  .string({ unit: 'binary', maxLength: 20 })
  .filter((value) => !value.includes('\0') && !/\p{Surrogate}/u.test(value))
export const awkwardText = fc.oneof(
  text,
  fc.constantFrom(
    '',
    ' ',
    'NULL',
    'null',
    '"',
    '\\',
    "'",
    '{}',
    '(,)',
    'a,b',
    ' x ',
    '\t',
    '\n',
    '💥',
    '\u00a0',
    '\u2028',
  ),
)
export const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`))
export const sign = fc.constantFrom('', '-', '+')
export const join = (...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((pieces) => pieces.join(''))
export const padded = (low: number, high: number, width: number) =>
  fc.integer({ min: low, max: high }).map((value) => String(value).padStart(width, '0'))
export const maybe = (part: fc.Arbitrary<string>) => fc.oneof(fc.constant(''), part)
export const junk = fc.oneof(
  fc.constantFrom('', ' ', 'x', '-', '.', 'NaN', 'Infinity', '-infinity', 'now', 'today', '0x10', '1_000'),
  awkwardText,
)

export const none = fc.constant('')
