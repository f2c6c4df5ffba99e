import { expect, it } from 'vitest'
import { baseType } from './catalog-case.spec-suite.ts'
import { fromText } from './from-text.ts'

const array = (base: string) =>
  baseType(`${base}[]`, { kind: 'array', base: `_${base}`, element: baseType(base) })
const pointing = baseType('pointing', {
  kind: 'composite',
  fields: [
    { name: 'name', type: baseType('text') },
    { name: 'azimuth', type: baseType('float8') },
  ],
})

it.each([
  ['int4', '7', 7],
  ['int8', '9007199254740993', '9007199254740993'],
  ['numeric', '1.50', '1.50'],
  ['float8', '1e+23', 1e23],
  ['float8', 'NaN', 'NaN'],
  ['bool', 't', true],
  ['bool', 'false', false],
  ['timestamptz', '2026-01-01 00:00:00.123+00', '2026-01-01T00:00:00.123Z'],
  ['timestamptz', '0044-03-15 12:00:00+00 BC', '0044-03-15T12:00:00Z BC'],
  ['timestamptz', 'infinity', 'infinity'],
  ['timestamp', '2026-01-01 00:00:00', '2026-01-01T00:00:00'],
  ['date', '2026-01-01', '2026-01-01'],
  ['jsonb', '{"a": [1, null]}', { a: [1, null] }],
  ['uuid', '5768d4c7-3908-421a-a765-e16cacc65101', '5768d4c7-3908-421a-a765-e16cacc65101'],
  ['bytea', '\\xdeadbeef', '\\xdeadbeef'],
])('answers %s %s', (base, text, value) => {
  expect(fromText(text, baseType(base))).toEqual(value)
  expect(fromText(null, baseType(base))).toBeNull()
})

it('opens arrays, also of several dimensions and with other lower bounds', () => {
  expect(fromText('{{1,2},{NULL,4}}', array('int4'))).toEqual([
    [1, 2],
    [null, 4],
  ])
  expect(fromText('[2:3]={1,2}', array('int4'))).toEqual([1, 2])
  expect(fromText('{a,"NULL","b \\"c\\"",NULL}', array('text'))).toEqual(['a', 'NULL', 'b "c"', null])
})

it('opens composites by field name', () => {
  expect(fromText('("a ""b"", c",1.5)', pointing)).toEqual({ name: 'a "b", c', azimuth: 1.5 })
  expect(fromText('(,)', pointing)).toEqual({ name: null, azimuth: null })
})
