import fc from 'fast-check'
import { decimalText, floats, integerText, singles, smallInteger } from './number-texts.spec-suite.ts'
import {
  addressText,
  arrayText,
  json,
  jsonText,
  mac,
  multirangeOf,
  nestedIntegers,
  rangeOf,
  uuids,
  uuidText,
} from './shape-texts.spec-suite.ts'
import {
  clock,
  dates,
  dateText,
  goodClock,
  goodDay,
  intervalText,
  offset,
  someMoment,
  timestampText,
} from './time-texts.spec-suite.ts'
import { awkwardText, join, junk, maybe, none } from './value-pieces.spec-suite.ts'

/** A column type under test: JavaScript values that fit it, and strings near its border, right and wrong. */
export interface ValueCase {
  readonly sql: string
  readonly values: fc.Arbitrary<unknown>
  readonly strings: fc.Arbitrary<string>
  /** Strings that PostgreSQL takes and Outpost refuses on purpose: each is a documented strictness. */
  readonly stricter?: RegExp
}

/** Types that the cases need, once per database. */
export const valueCaseSetup = `
  CREATE TYPE mood AS ENUM ('calm', 'windy', 'O''Brien, "x"', 'ünï');
  CREATE TYPE pointing AS (name text, azimuth float8, tags text[]);
  CREATE DOMAIN short_text AS varchar(5);
  CREATE TYPE float8_range AS RANGE (subtype = float8);`

/** Every type that has a rule of its own. */
export const valueCases: readonly ValueCase[] = [
  {
    sql: 'int2',
    values: fc.integer({ min: -32768, max: 32767 }),
    strings: integerText,
    stricter: /^\s|\s$|[_x]/i,
  },
  { sql: 'int4', values: fc.integer(), strings: integerText, stricter: /^\s|\s$|[_x]/i },
  {
    sql: 'int8',
    values: fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    strings: integerText,
    stricter: /^\s|\s$|[_x]/i,
  },
  { sql: 'float4', values: singles, strings: decimalText, stricter: /^\s|\s$|x/i },
  { sql: 'float8', values: floats, strings: decimalText, stricter: /^\s|\s$|x/i },
  { sql: 'numeric', values: fc.oneof(floats, fc.bigInt()), strings: decimalText, stricter: /^\s|\s$|[_x]/i },
  {
    sql: 'numeric(10,2)',
    values: fc.double({ min: -9e7, max: 9e7, noNaN: true }),
    strings: decimalText,
    stricter: /^\s|\s$|[_x]|e-1638/i,
  },
  {
    sql: 'numeric(3,5)',
    values: fc.double({ min: -0.009, max: 0.009, noNaN: true }),
    strings: decimalText,
    stricter: /^\s|\s$|[_x]|e-1638/i,
  },
  {
    sql: 'numeric(4,-2)',
    values: fc.integer({ min: -900000, max: 900000 }),
    strings: decimalText,
    stricter: /^\s|\s$|[_x]|e-1638/i,
  },
  {
    sql: 'boolean',
    values: fc.boolean(),
    strings: fc.oneof(fc.constantFrom('t', 'f', 'true', 'false', 'maybe', '2', 'tt'), junk),
    stricter: /^\s*(?:t|f|y|n|on|of|0|1)/i,
  },
  { sql: 'text', values: awkwardText, strings: awkwardText },
  {
    sql: 'varchar(5)',
    values: fc
      .string({ unit: 'binary', maxLength: 4 })
      .filter((s) => !s.includes('\0') && !/\p{Surrogate}/u.test(s)),
    strings: fc.oneof(
      awkwardText,
      fc.constantFrom('12345', '12345 ', '123456', '1234  ', '💥💥💥💥💥', '💥💥💥💥💥💥'),
    ),
  },
  {
    sql: 'char(4)',
    values: fc.constantFrom('', 'a', 'ab ', 'abcd', '💥'),
    strings: fc.oneof(awkwardText, fc.constantFrom('abcd ', 'abcde')),
  },
  { sql: 'short_text', values: fc.constantFrom('', 'a', 'abcde'), strings: awkwardText },
  {
    sql: 'bit(3)',
    values: fc.constantFrom('000', '101'),
    strings: fc.constantFrom('1', '10', '1010', '12', '', 'x5'),
    stricter: /^[xb]/i,
  },
  {
    sql: 'varbit(5)',
    values: fc.constantFrom('', '101', '11111'),
    strings: fc.constantFrom('111111', '2', 'b1'),
    stricter: /^[xb]/i,
  },
  { sql: 'uuid', values: uuids, strings: uuidText },
  {
    sql: 'bytea',
    values: fc.uint8Array({ maxLength: 20 }),
    strings: fc.oneof(fc.constantFrom('\\x', '\\xAB', '\\x1', '\\xzz', 'abc'), junk),
    stricter: /^(?!\\x)|\s/,
  },
  {
    sql: 'date',
    values: dates,
    strings: fc.oneof(dateText, junk),
    stricter: /^\s|\s$|now|today|^[\d\D]{0,5}$|x/i,
  },
  {
    sql: 'timestamp',
    values: dates,
    strings: timestampText,
    stricter: /[+-]\d\d(:\d\d)?$|now|today|BC.|^[\d\D]{0,3}$/i,
  },
  {
    sql: 'timestamp(2)',
    values: dates,
    strings: timestampText,
    stricter: /294276-12-31|[+-]\d\d(:\d\d)?$|now|today|BC.|^[\d\D]{0,3}$/i,
  },
  { sql: 'timestamptz', values: dates, strings: timestampText, stricter: /now|today|BC.|^[\d\D]{0,3}$/i },
  {
    sql: 'timestamptz(0)',
    values: dates,
    strings: timestampText,
    stricter: /294276-12-31|now|today|BC.|^[\d\D]{0,3}$/i,
  },
  { sql: 'time', values: goodClock, strings: fc.oneof(clock, junk), stricter: /now/ },
  { sql: 'time(3)', values: goodClock, strings: fc.oneof(clock, junk), stricter: /now/ },
  {
    sql: 'timetz',
    values: join(goodClock, fc.constantFrom('Z', '+02', '-05:30')),
    strings: fc.oneof(join(clock, maybe(offset)), junk),
    stricter: /now/,
  },
  {
    sql: 'interval',
    values: fc.constantFrom('P1DT2H', '1 day 02:00:00', '-1 mons'),
    strings: intervalText,
    stricter: /^[+-]?[\d. ]+$|^PT?$|^\d\d:\d\d|infinity|\D60/i,
  },
  {
    sql: 'interval(2)',
    values: fc.constantFrom('PT1.005S', '-00:00:00.005', 'PT0.994S'),
    strings: intervalText,
    stricter: /^[+-]?[\d. ]+$|^PT?$|^\d\d:\d\d|infinity|\D60/i,
  },
  {
    sql: 'json',
    values: json.filter((value) => typeof value !== 'string' && value !== null),
    strings: jsonText,
    stricter: /e200000/,
  },
  {
    sql: 'jsonb',
    values: json.filter((value) => typeof value !== 'string' && value !== null),
    strings: jsonText,
  },
  {
    sql: 'mood',
    values: fc.constantFrom('calm', 'O\'Brien, "x"', 'ünï'),
    strings: fc.oneof(fc.constantFrom('Calm', 'calm '), junk),
  },
  {
    sql: 'inet',
    values: fc.constantFrom('10.1.2.3', '10.1.2.3/8', '::1'),
    strings: addressText,
    stricter: /^[\d./]+$|^\s|\s$|%|\/0\d/,
  },
  {
    sql: 'cidr',
    values: fc.constantFrom('10.0.0.0/8', '2001:db8::/32'),
    strings: addressText,
    stricter: /x|^\s|\s$|^[\d./]+$|\/0\d/,
  },
  { sql: 'macaddr', values: fc.constantFrom('08:00:2b:01:02:03'), strings: mac(6), stricter: /^\s|\s$/ },
  {
    sql: 'macaddr8',
    values: fc.constantFrom('08:00:2b:01:02:03:04:05'),
    strings: mac(8),
    stricter: /^\s|\s$/,
  },
  {
    sql: 'int4[]',
    values: fc.oneof(fc.array(fc.option(fc.integer())), nestedIntegers),
    strings: arrayText,
    stricter: /=|\{\{\}\}/,
  },
  {
    sql: 'text[]',
    values: fc.array(fc.option(awkwardText), { maxLength: 5 }),
    strings: arrayText,
    stricter: /=|\{\{\}\}|[\v\f\u0085\u00a0]/,
  },
  {
    sql: 'varchar(3)[]',
    values: fc.array(fc.constantFrom('a', 'abc', 'ab   '), { maxLength: 3 }),
    strings: fc.constantFrom('{abcd}', '{abc }'),
  },
  {
    sql: 'numeric(6,2)[]',
    values: fc.array(fc.double({ min: -999, max: 999, noNaN: true }), { maxLength: 3 }),
    strings: none,
  },
  { sql: 'timestamptz[]', values: fc.array(dates, { maxLength: 3 }), strings: none },
  {
    sql: 'jsonb[]',
    values: fc.array(fc.dictionary(fc.constantFrom('a', 'bb', 'c"'), fc.integer()), { maxLength: 3 }),
    strings: none,
  },
  {
    sql: 'mood[]',
    values: fc.array(fc.constantFrom('calm', 'O\'Brien, "x"'), { maxLength: 3 }),
    strings: none,
  },
  {
    sql: 'pointing',
    values: fc.record({
      name: fc.option(awkwardText),
      azimuth: floats,
      tags: fc.option(fc.array(awkwardText, { maxLength: 3 })),
    }),
    strings: fc.constantFrom('(a,1,{x})', '("a ""b",,)', '(a,1)', '(,,)', 'x', '(a,b,{})', '(a\\,b,1,)'),
    stricter: /^\s|\s$/,
  },
  {
    sql: 'pointing[]',
    values: fc.array(fc.record({ name: awkwardText, azimuth: fc.integer() }), { maxLength: 3 }),
    strings: none,
  },
  {
    sql: 'int4range',
    values: fc.constantFrom('[1,5]', '(,3]', 'empty'),
    strings: fc.oneof(
      rangeOf(smallInteger),
      fc.constantFrom('[1,2147483647]', '(2147483647,)', '["1","2")', ' [1,2) ', '[ 1,2)'),
    ),
    stricter: /[ "]/,
  },
  { sql: 'int8range', values: fc.constantFrom('[1,5]'), strings: rangeOf(smallInteger), stricter: /[ "]/ },
  {
    sql: 'numrange',
    values: fc.constantFrom('[1.50,2]', '(1.0,1.00]'),
    strings: rangeOf(fc.oneof(smallInteger, fc.constantFrom('1.50', '1.5', 'NaN', 'Infinity', '-Infinity'))),
    stricter: / /,
  },
  {
    sql: 'daterange',
    values: fc.constantFrom('[2026-01-01,2026-12-31]', '[0001-12-31 BC,0001-01-01]'),
    strings: rangeOf(fc.oneof(goodDay, fc.constantFrom('infinity', '-infinity', '5874897-12-31'))),
    stricter: / /,
  },
  { sql: 'tsrange', values: fc.constantFrom('[2026-01-01,2026-12-31]'), strings: rangeOf(someMoment) },
  {
    sql: 'tstzrange',
    values: fc.constantFrom('[2026-01-01T00:00:00Z,2026-12-31]'),
    strings: rangeOf(fc.oneof(someMoment, fc.constantFrom('infinity', '-infinity'))),
  },
  {
    sql: 'int4multirange',
    values: fc.constantFrom('{[1,3),[2,5]}', '{}', '{empty}'),
    strings: multirangeOf(smallInteger),
    stricter: /[ "]/,
  },
  {
    sql: 'nummultirange',
    values: fc.constantFrom('{(1,2),(2,3),[2,2]}'),
    strings: multirangeOf(fc.oneof(smallInteger, fc.constantFrom('1.50', '1.5'))),
    stricter: / /,
  },
  {
    sql: 'tstzmultirange',
    values: fc.constantFrom('{[2026-01-01,2026-02-01),[2026-02-01,2026-03-01)}'),
    strings: multirangeOf(someMoment),
  },
  {
    sql: 'float8_range',
    values: fc.constantFrom('[1.5,2.50]', '(,-1)'),
    strings: rangeOf(fc.oneof(smallInteger, fc.constantFrom('1.50', '1e3', 'NaN'))),
    stricter: / /,
  },
]
