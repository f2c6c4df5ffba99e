import { describe, expect, it } from 'vitest'
import { columnJson } from './column-json.ts'

describe('columnJson', () => {
  it.each([
    ['timestamp', '2026-04-15 22:00:00+00', '2026-04-15T22:00:00.000Z'],
    ['timestamp', '2026-04-15 22:00:00.123456+02', '2026-04-15T20:00:00.123Z'],
    ['timestamp', '2026-04-15 22:00:00.5-05:30', '2026-04-16T03:30:00.500Z'],
    ['timestamp', new Date('2026-04-15T22:00:00Z'), '2026-04-15T22:00:00.000Z'],
    ['timestamp', 'infinity', 'infinity'],
    ['bigint', '42', 42],
    ['bigint', '9223372036854775807', '9223372036854775807'],
    ['integer', 7, 7],
    ['number', '1e+20', 1e20],
    ['number', 'NaN', 'NaN'],
    ['boolean', 't', true],
    ['boolean', false, false],
    ['json', '{"a":[1,null]}', { a: [1, null] }],
    ['json', { a: 1 }, { a: 1 }],
    ['text', null, null],
  ] as const)('%s %j reads as %j, through a driver or as text', (kind, value, expected) => {
    expect(columnJson(kind, value)).toEqual(expected)
  })
})
