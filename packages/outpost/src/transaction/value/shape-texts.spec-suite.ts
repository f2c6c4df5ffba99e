import fc from 'fast-check'
import { join, junk, maybe, padded } from './value-pieces.spec-suite.ts'

// JSON, addresses, ranges, UUIDs and arrays, and texts that almost are.

export const json = fc
  .jsonValue({ maxDepth: 4, stringUnit: 'binary' })
  .filter((value) => !/\\u0000|\\ud[89a-f]/i.test(JSON.stringify(value)))
export const jsonText = fc.oneof(
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
export const addressText = fc.oneof(
  join(fc.oneof(ipv4, ipv6), maybe(join(fc.constant('/'), padded(0, 130, 1)))),
  fc.constantFrom('10.0.0.0/8', '10.1/16', '192.168.1.0/24', '2001:db8::/32'),
  junk,
)
const hexByte = fc.integer({ min: 0, max: 255 }).map((value) => value.toString(16).padStart(2, '0'))
export const mac = (bytes: number) =>
  fc.oneof(
    fc
      .tuple(fc.array(hexByte, { minLength: bytes, maxLength: bytes }), fc.constantFrom(':', '-', ''))
      .map(([parts, separator]) => parts.join(separator)),
    junk,
  )

export const rangeOf = (bound: fc.Arbitrary<string>) =>
  fc.oneof(
    join(fc.constantFrom('[', '('), maybe(bound), fc.constant(','), maybe(bound), fc.constantFrom(']', ')')),
    fc.constantFrom('empty', '[,]', '(,)', '[1', '1,2', ''),
  )
export const multirangeOf = (bound: fc.Arbitrary<string>) =>
  fc.array(rangeOf(bound), { maxLength: 5 }).map((ranges) => `{${ranges.join(',')}}`)
export const uuids = fc.uuid()
export const uuidText = fc.oneof(
  uuids,
  uuids.map((value) => value.toUpperCase()),
  uuids.map((value) => value.replaceAll('-', '')),
  uuids.map((value) => `{${value}}`),
  uuids.map((value) => value.slice(1)),
  junk,
)
export const arrayText = fc.oneof(
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
export const nestedIntegers = fc.integer({ min: 1, max: 3 }).chain((width) =>
  fc.array(fc.array(fc.option(fc.integer({ min: -9, max: 9 })), { minLength: width, maxLength: width }), {
    maxLength: 3,
  }),
)
