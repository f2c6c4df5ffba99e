import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isOutpostError } from '../errors/outpost-error.ts'
import { baseType } from './catalog-case.spec-suite.ts'
import { toText } from './to-text.ts'

const place = { table: 'public.t', column: 'c' }
const varchar5 = baseType('varchar', { modifier: 9, nameWithModifier: 'character varying(5)' })
const all = [
  'int4',
  'int8',
  'float8',
  'numeric',
  'bool',
  'text',
  'uuid',
  'timestamptz',
  'date',
  'time',
  'interval',
  'bytea',
  'json',
  'jsonb',
  'inet',
  'macaddr',
  'tsvector',
]

function problem(value: unknown, base: string | typeof varchar5): string {
  try {
    toText(value, typeof base === 'string' ? baseType(base) : base, place)
  } catch (error) {
    if (isOutpostError(error, 'invalid_value')) return error.message
  }
  throw new Error('The value was taken.')
}

describe('a value that does not fit', () => {
  it.each(all)('P9: NUL and half surrogate pairs are refused by %s', (base) => {
    expect(problem('a\0', base)).toContain('public.t.c')
    expect(problem('\ud800', base)).toContain('public.t.c')
    expect(problem('"\udc00"', base)).toContain('public.t.c')
  })

  it('P9: a message names table, column and what is wrong', () => {
    expect(problem('123456', varchar5)).toBe(
      'public.t.c: "123456" is 6 characters long; character varying(5) takes 5.',
    )
    expect(problem(1.5, 'int4')).toBe('public.t.c: 1.5 is not an integer.')
    expect(problem(2 ** 60, 'int8')).toContain('send it as a string')
    expect(problem(7, 'text')).toBe('public.t.c: 7 is not a string.')
    expect(problem({ a: 1 }, 'int4')).toBe('public.t.c: an object is not an integer.')
    expect(problem(new Date(Number.NaN), 'timestamptz')).toContain('Invalid Date')
    expect(problem(Number.NaN, 'jsonb')).toContain('is not a number that JSON can hold')
  })

  it('P9: no message echoes more than 80 characters of a value', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9{[:. é-]{81,300}$/), fc.constantFrom(...all), (value, base) => {
        try {
          toText(value, baseType(base), place)
        } catch (error) {
          expect(isOutpostError(error, 'invalid_value')).toBe(true)
          expect(String(error)).not.toContain(value.slice(0, 81))
        }
      }),
    )
  })

  it('P9: nothing but an Outpost error ever comes out', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withTypedArray: true, withNullPrototype: true }),
        fc.constantFrom(...all),
        (value, base) => {
          try {
            const text = toText(value, baseType(base), place)
            expect(text === null || typeof text === 'string').toBe(true)
          } catch (error) {
            expect(isOutpostError(error, 'invalid_value')).toBe(true)
          }
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('P9: JSON nested beyond reason is refused, not overflowed', () => {
    expect(problem('['.repeat(100_000), 'jsonb')).toContain('nested deeper')
    expect(problem(`${'['.repeat(2_000)}${']'.repeat(2_000)}`, 'json')).toContain('nested deeper')
  })
})
