import { describe, expect, it } from 'vitest'
import type { ColumnType } from '../postgres/catalog.ts'
import { baseType, column } from './catalog-case.spec-suite.ts'
import { type EdgeContext, edgeDefault } from './edge-default.ts'
import { systemRandom } from './random-source.ts'

const context: EdgeContext = {
  nowMs: Date.UTC(2026, 0, 31, 12, 0, 0, 123),
  random: systemRandom,
  uuidV7: () => '01934567-89ab-7000-8000-000000000000',
}
const texts = baseType('text[]', { kind: 'array', base: '_text', element: baseType('text') })
const mood = baseType('mood', { kind: 'enum', labels: ['calm', 'windy'] })
const varchar3 = baseType('varchar', { modifier: 7, nameWithModifier: 'character varying(3)' })

function made(type: string | ColumnType, defaultSql: string, isKey = false): string | null | undefined {
  const shape = typeof type === 'string' ? baseType(type) : type
  const found = edgeDefault(column('c', 'text', { type: shape, defaultSql }), isKey)
  return found?.kind === 'value' ? found.make(context) : undefined
}

describe('a default evaluated at the edge', () => {
  it.each<readonly [string | ColumnType, string, string | null]>([
    ['text', `'running'::text`, 'running'],
    ['varchar', `'it''s'::character varying`, `it's`],
    ['int4', '5', '5'],
    ['int4', '(-5)', '-5'],
    ['int4', `'-5'::integer`, '-5'],
    ['numeric', '1.50', '1.50'],
    ['float8', '0.5', '0.5'],
    ['bool', 'true', 't'],
    ['jsonb', `'{"b":1,"a":2}'::jsonb`, '{"a": 2, "b": 1}'],
    [texts, 'ARRAY[]::text[]', '{}'],
    [texts, `'{}'::text[]`, '{}'],
    [texts, `ARRAY['a'::text, 'b c'::text, NULL::text]`, '{a,"b c",NULL}'],
    [mood, `'calm'::mood`, 'calm'],
    [mood, `('calm'::text)::mood`, 'calm'],
    [varchar3, `'abc'::character varying(3)`, 'abc'],
    ['text', 'NULL::text', null],
    ['interval', `'1 day'::interval`, '1 day'],
    ['timestamptz', 'now()', '2026-01-31 12:00:00.123+00'],
    ['timestamptz', 'CURRENT_TIMESTAMP', '2026-01-31 12:00:00.123+00'],
    ['timestamptz', 'CURRENT_TIMESTAMP(0)', '2026-01-31 12:00:00+00'],
    ['timestamptz', 'transaction_timestamp()', '2026-01-31 12:00:00.123+00'],
    ['timestamptz', 'statement_timestamp()', '2026-01-31 12:00:00.123+00'],
    ['timestamptz', 'clock_timestamp()', '2026-01-31 12:00:00.123+00'],
    ['timestamp', 'now()', '2026-01-31 12:00:00.123'],
    ['timestamp', `(now() AT TIME ZONE 'utc'::text)`, '2026-01-31 12:00:00.123'],
    ['timestamp', 'LOCALTIMESTAMP', '2026-01-31 12:00:00.123'],
    ['date', 'CURRENT_DATE', '2026-01-31'],
    ['date', 'now()', '2026-01-31'],
    ['time', 'LOCALTIME', '12:00:00.123'],
    ['uuid', 'uuidv7()', context.uuidV7()],
  ])('%o DEFAULT %s', (type, sql, value) => expect(made(type, sql)).toBe(value))

  it.each(['gen_random_uuid()', 'uuid_generate_v4()', 'public.uuid_generate_v4()', 'uuidv4()'])(
    '%s makes a new UUID',
    (sql) => {
      expect(made('uuid', sql)).toMatch(/^[0-9a-f-]{14}4[0-9a-f-]{21}$/)
      expect(made('uuid', sql)).not.toBe(made('uuid', sql))
    },
  )

  it('makes keys that rise, where main would make random ones', () => {
    expect(made('uuid', 'gen_random_uuid()', true)).toBe(context.uuidV7())
  })

  it.each([
    'random()',
    `'abcd'::character varying(2)`,
    '(1 + 2)',
    `lower('A'::text)`,
    'CURRENT_USER',
    `'a' || 'b'`,
    `(now() + '1 day'::interval)`,
    `'unfinished`,
    `now() AT TIME ZONE 'Europe/Berlin'`,
    `ARRAY['a'::text`,
    '',
  ])('leaves %s to main', (defaultSql) => {
    expect(edgeDefault(column('c', 'text', { defaultSql }), false)).toEqual({
      kind: 'main_only',
      sql: defaultSql,
    })
  })

  it('knows sequences and identity columns', () => {
    const serial = column('c', 'int4', { defaultSql: `nextval('t_id_seq'::regclass)` })
    expect(edgeDefault(serial, true)).toEqual({ kind: 'sequence' })
    expect(edgeDefault(column('c', 'int4', { identity: 'by_default' }), true)).toEqual({ kind: 'sequence' })
    expect(edgeDefault(column('c', 'int4'), true)).toBeUndefined()
  })
})
