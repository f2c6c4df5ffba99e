import fc from 'fast-check'

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

const text = fc
  .string({ unit: 'binary', maxLength: 20 })
  .filter((value) => !value.includes('\0') && !/\p{Surrogate}/u.test(value))
const awkwardText = fc.oneof(
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
const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`))
const sign = fc.constantFrom('', '-', '+')
const join = (...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((pieces) => pieces.join(''))
const padded = (low: number, high: number, width: number) =>
  fc.integer({ min: low, max: high }).map((value) => String(value).padStart(width, '0'))
const maybe = (part: fc.Arbitrary<string>) => fc.oneof(fc.constant(''), part)
const junk = fc.oneof(
  fc.constantFrom('', ' ', 'x', '-', '.', 'NaN', 'Infinity', '-infinity', 'now', 'today', '0x10', '1_000'),
  awkwardText,
)

const integerText = fc.oneof(
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
const decimalText = fc.oneof(
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
const floats = fc.oneof(
  fc.double(),
  fc.float(),
  fc.integer(),
  fc.maxSafeInteger().map((n) => n * 1e9),
  fc.integer({ min: 48, max: 120 }).map((n) => 2 ** n),
  fc.integer({ min: 2 ** 30, max: 2 ** 31 - 1 }).map((n) => n * 2 ** 20 + n / 2 ** 20),
  fc.integer({ min: 0, max: 2 ** 30 }).map((n) => 2 ** 50 + n / 8),
  fc.constantFrom(1e23, 2 ** 53, 1e15, 1e14, 1e6, 123456.5, 1e-4, 1e-5, 5e-324, -0),
)
const singles = fc.oneof(
  fc.float(),
  fc.integer({ min: -(2 ** 26), max: 2 ** 26 }),
  fc.constantFrom(1e6, 999999, 1e-5, 0.1, 16777216, 33554434, 8388608.5, -0),
)

const year = fc.oneof(
  padded(1900, 2100, 4),
  padded(1, 9999, 4),
  fc.constantFrom('0000', '0001', '4714', '4713', '294276', '294277', '5874897', '5874898'),
)
const dateText = fc.oneof(
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
const clock = join(
  padded(0, 25, 2),
  fc.constant(':'),
  padded(0, 61, 2),
  maybe(join(fc.constant(':'), padded(0, 61, 2), maybe(join(fc.constant('.'), digits(9))))),
)
const goodClock = join(
  padded(0, 23, 2),
  fc.constant(':'),
  padded(0, 59, 2),
  fc.constant(':'),
  padded(0, 59, 2),
  maybe(join(fc.constant('.'), digits(7))),
)
const offset = join(
  fc.constantFrom('+', '-'),
  padded(0, 17, 2),
  maybe(join(fc.constant(':'), padded(0, 61, 2))),
)
const goodDay = join(
  padded(1, 9999, 4),
  fc.constant('-'),
  padded(1, 12, 2),
  fc.constant('-'),
  padded(1, 28, 2),
)
const timestampText = fc.oneof(
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
const dates = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })

const count = fc.integer({ min: -1000, max: 1000 }).map(String)
const intervalText = fc.oneof(
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

const json = fc
  .jsonValue({ maxDepth: 4, stringUnit: 'binary' })
  .filter((value) => !/\\u0000|\\ud[89a-f]/i.test(JSON.stringify(value)))
const jsonText = fc.oneof(
  json.map((value) => JSON.stringify(value)),
  json.map((value) => JSON.stringify(value, null, 2)),
  fc.constantFrom(
    '{"b":1,"aa":2,"a":1.10,"a":1e3}',
    '[-0, -0.0, 0.0e5, 1E-3, 12345678901234567890123]',
    '{"é":1,"zz":2,"z":3,"💥":4,"ab\u00e9":0}',
    '"\\u00e9\\ud83d\\ude00\\/\\b\\u001f\u007f"',
    '"\\u0000"',
    '"\\ud800"',
    '{a:1}',
    '[1,]',
    '01',
    '1.',
    '.5',
    '+1',
    '"\t"',
    'tru',
    '[[[]]]',
    '{"a":}',
    ' 1 ',
    '"a" 1',
    'nullx',
    '1e200000',
  ),
  junk,
)

const word = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16))
const sparseWord = fc.oneof(fc.constant('0'), word)
const ipv6 = fc.oneof(
  fc.tuple(...Array.from({ length: 8 }, () => sparseWord)).map((words) => words.join(':')),
  fc.constantFrom(
    '::',
    '::1',
    '::ffff:10.1.2.3',
    '::10.1.2.3',
    '::2',
    '::1:0',
    '1::',
    'fe80::1%eth0',
    '2001:DB8::1',
    '64:ff9b::1.2.3.4',
  ),
)
const ipv4 = fc
  .tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 0, max: 260 })))
  .map((bytes) => bytes.join('.'))
const addressText = fc.oneof(
  join(fc.oneof(ipv4, ipv6), maybe(join(fc.constant('/'), padded(0, 130, 1)))),
  fc.constantFrom('10.0.0.0/8', '10.1/16', '192.168.1.0/24', '2001:db8::/32'),
  junk,
)
const hexByte = fc.integer({ min: 0, max: 255 }).map((value) => value.toString(16).padStart(2, '0'))
const mac = (bytes: number) =>
  fc.oneof(
    fc
      .tuple(fc.array(hexByte, { minLength: bytes, maxLength: bytes }), fc.constantFrom(':', '-', ''))
      .map(([parts, separator]) => parts.join(separator)),
    junk,
  )

const rangeOf = (bound: fc.Arbitrary<string>) =>
  fc.oneof(
    join(fc.constantFrom('[', '('), maybe(bound), fc.constant(','), maybe(bound), fc.constantFrom(']', ')')),
    fc.constantFrom('empty', '[,]', '(,)', '[1', '1,2', ''),
  )
const smallInteger = fc.integer({ min: -20, max: 20 }).map(String)
const multirangeOf = (bound: fc.Arbitrary<string>) =>
  fc.array(rangeOf(bound), { maxLength: 5 }).map((ranges) => `{${ranges.join(',')}}`)
const someMoment = join(goodDay, fc.constant(' '), padded(0, 23, 2), fc.constant(':00:00')).map(
  (value) => `"${value}"`,
)

const uuids = fc.uuid()
const uuidText = fc.oneof(
  uuids,
  uuids.map((value) => value.toUpperCase()),
  uuids.map((value) => value.replaceAll('-', '')),
  uuids.map((value) => `{${value}}`),
  uuids.map((value) => value.slice(1)),
  junk,
)
const arrayText = fc.oneof(
  fc.constantFrom(
    '{}',
    '{1,2}',
    '{{1,2},{3,4}}',
    '{{1},{2,3}}',
    '{1,{2}}',
    '{NULL,null}',
    '{"1"}',
    '{1,}',
    '{',
    '[2:3]={1,2}',
    '{ 1 , 2 }',
    '{{}}',
    '{1}x',
    '{"a\\"b"}',
    '{a b}',
    '{a\\ }',
  ),
  junk,
)
const nestedIntegers = fc.integer({ min: 1, max: 3 }).chain((width) =>
  fc.array(fc.array(fc.option(fc.integer({ min: -9, max: 9 })), { minLength: width, maxLength: width }), {
    maxLength: 3,
  }),
)
const none = fc.constant('')

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
