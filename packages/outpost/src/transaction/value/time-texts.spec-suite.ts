import fc from 'fast-check'
import { digits, join, junk, maybe, padded, sign } from './value-pieces.spec-suite.ts'

// Moments and intervals, and texts near the borders of their types.

const year = fc.oneof(
  padded(1900, 2100, 4),
  padded(1, 9999, 4),
  fc.constantFrom('0000', '0001', '4714', '4713', '294276', '294277', '5874897', '5874898'),
)
export const dateText = fc.oneof(
  join(
    year,
    fc.constant('-'),
    padded(0, 13, 2),
    fc.constant('-'),
    padded(0, 32, 2),
    maybe(fc.constant(' BC')),
  ),
  join(padded(1970, 2038, 4), fc.constant('-'), padded(1, 12, 2), fc.constant('-'), padded(1, 28, 2)),
)
export const clock = join(
  padded(0, 25, 2),
  fc.constant(':'),
  padded(0, 61, 2),
  maybe(join(fc.constant(':'), padded(0, 61, 2), maybe(join(fc.constant('.'), digits(9))))),
)
export const goodClock = join(
  padded(0, 23, 2),
  fc.constant(':'),
  padded(0, 59, 2),
  fc.constant(':'),
  padded(0, 59, 2),
  maybe(join(fc.constant('.'), digits(7))),
)
export const offset = join(
  fc.constantFrom('+', '-'),
  padded(0, 17, 2),
  maybe(join(fc.constant(':'), padded(0, 61, 2))),
)
export const goodDay = join(
  padded(1, 9999, 4),
  fc.constant('-'),
  padded(1, 12, 2),
  fc.constant('-'),
  padded(1, 28, 2),
)
export const timestampText = fc.oneof(
  join(goodDay, fc.constantFrom('T', ' '), goodClock, maybe(fc.oneof(fc.constant('Z'), offset))),
  join(dateText, fc.constantFrom('T', ' '), clock, maybe(fc.oneof(fc.constant('Z'), offset))),
  join(goodDay, fc.constantFrom(' '), goodClock, fc.constantFrom('+00', ''), fc.constant(' BC')),
  dateText,
  fc.constantFrom(
    'infinity',
    '-infinity',
    '4714-11-24 00:00:00 BC',
    '4714-11-23 23:59:59 BC',
    '294276-12-31 23:59:59.999999',
    '294276-12-31 23:59:59.9999996',
    '1999-12-31 23:59:59.999999',
    '2026-06-30 23:59:60',
    '2026-06-30 24:00:00',
    '1999-12-31 23:59:59.5',
  ),
  junk,
)
export const dates = fc.date({
  min: new Date('0001-01-01'),
  max: new Date('9999-12-31'),
  noInvalidDate: true,
})

const count = fc.integer({ min: -1000, max: 1000 }).map(String)
export const intervalText = fc.oneof(
  join(
    fc.constant('P'),
    maybe(join(count, fc.constant('Y'))),
    maybe(join(count, fc.constant('M'))),
    maybe(join(count, fc.constant('D'))),
    fc.constant('T'),
    maybe(join(count, fc.constant('H'))),
    join(count, maybe(join(fc.constant('.'), digits(6))), fc.constant('S')),
  ),
  join(
    count,
    fc.constantFrom(' year ', ' years ', ' mons ', ' days ', ' weeks '),
    maybe(join(count, fc.constantFrom(' days ', ' hours ', ' min '))),
    maybe(join(sign, goodClock)),
  ),
  fc.constantFrom(
    '1 day',
    '00:00:00',
    '-00:00:00.5',
    '1 mon -1 days',
    '-1 years +2 mons',
    'P1W',
    'PT',
    'P',
    '1',
    '99999999 years',
  ),
  junk,
)

export const someMoment = join(goodDay, fc.constant(' '), padded(0, 23, 2), fc.constant(':00:00')).map(
  (value) => `"${value}"`,
)
