import { describe, expect, it } from 'vitest'
import { systemClock } from '../clock/clock.ts'
import { isOutpostError, type OutpostError } from '../errors/outpost-error.ts'
import { type BuilderOptions, TransactionBuilder } from './builder.ts'
import { catalogOf, column, foreignKey, table } from './catalog-case.spec-suite.ts'
import { operationsDigest } from './digest.ts'

const nullable = { isNullable: true }
const unit = table('unit', [
  column('id', 'uuid', { defaultSql: 'gen_random_uuid()' }),
  column('obs_unit_id', 'int4'),
  column('status', 'text', { defaultSql: `'running'::text` }),
  column('start_time', 'timestamptz', { defaultSql: 'now()' }),
  column('notes', 'text', nullable),
  column('label', 'text', { generatedSql: `(notes || 'x'::text)` }),
])
const file = table(
  'file',
  [
    column('id', 'uuid', { defaultSql: 'gen_random_uuid()' }),
    column('unit_id', 'uuid'),
    column('name', 'text'),
    column('made_at', 'timestamptz', { defaultSql: 'CURRENT_TIMESTAMP' }),
  ],
  { foreignKeys: [foreignKey(['unit_id'], 'public.unit', ['id'])] },
)
const numbered = table('numbered', [
  column('id', 'int4', { defaultSql: `nextval('numbered_id_seq'::regclass)` }),
  column('level', 'float8', { defaultSql: 'random()', ...nullable }),
])
const always = table('always', [column('id', 'int4', { identity: 'always' })])
const pair = table('pair', [column('a', 'text'), column('b', 'int4'), column('c', 'text', nullable)], {
  primaryKey: ['a', 'b'],
})
const log = table('log', [column('line', 'text')], { primaryKey: [] })
const remote = table('remote', [column('id', 'int4')], { kind: 'foreign' })
const catalog = catalogOf(unit, file, numbered, always, pair, log, remote)
const nowMs = Date.UTC(2026, 0, 1)
const clock = { ...systemClock, nowMs: () => nowMs }
const begin = (options: BuilderOptions = {}) => new TransactionBuilder(catalog, { clock, ...options })

function failure(act: () => unknown): OutpostError {
  try {
    act()
  } catch (error) {
    if (isOutpostError(error)) return error
    throw error
  }
  throw new Error('Nothing was refused.')
}
const problems = (error: OutpostError) =>
  (error.details.errors as readonly { column: string; code: string; row?: number }[]).map((entry) => [
    entry.column,
    entry.code,
  ])

describe('an insert', () => {
  it('is completed with ids, defaults, one time and nulls; generated columns stay out', () => {
    const tx = begin()
    const row = tx.insert('unit', { obs_unit_id: 7 })
    const second = tx.insert('file', { unit_id: row, name: 'a' })
    expect(row.row).toEqual({
      id: row.get('id'),
      obs_unit_id: '7',
      status: 'running',
      start_time: '2026-01-01 00:00:00+00',
      notes: null,
    })
    expect(row.get('id')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    expect(row.key).toEqual({ id: row.get('id') })
    expect(second.get('made_at')).toBe(row.get('start_time'))
    expect(second.get('nothing')).toBeUndefined()
  })

  it('may refer to the row of an earlier step', () => {
    const tx = begin()
    const row = tx.insert('public.unit', { obs_unit_id: 7 })
    const [first] = tx.insertMany('file', [
      { unit_id: row, name: 'a' },
      { unit_id: row, name: 'b' },
    ])
    expect(first!.get('unit_id')).toBe(row.get('id'))
    expect(tx.build().references).toEqual([])
  })

  it('P9: reports every problem at once and leaves the transaction as it was', () => {
    const tx = begin()
    const error = failure(() =>
      tx.insert('unit', { obs_unit_id: 'x', status: null, bogus: 1, label: 'y', start_time: 'soon' }),
    )
    expect(problems(error)).toEqual([
      ['bogus', 'unknown_column'],
      ['obs_unit_id', 'invalid_value'],
      ['status', 'missing_value'],
      ['start_time', 'invalid_value'],
      ['label', 'invalid_value'],
    ])
    expect(error.code).toBe('unknown_column')
    expect(tx.size).toBe(0)
  })

  it('P9: names the row of a bulk insert, and takes all rows or none', () => {
    const tx = begin()
    const error = failure(() => tx.insertMany('pair', [{ a: 'x', b: 1 }, { a: 'y' }, { a: 'z', b: 'z' }]))
    expect(error.details.errors).toMatchObject([
      { row: 1, column: 'b', code: 'missing_value' },
      { row: 2, column: 'b', code: 'invalid_value' },
    ])
    expect(tx.size).toBe(0)
  })

  it('says that a sequence or an expression is out of reach, and how to go on', () => {
    const error = failure(() => begin().insert('numbered', {}))
    expect(problems(error)).toEqual([
      ['id', 'missing_value'],
      ['level', 'missing_value'],
    ])
    expect(error.hint).toContain('outpost site reserve-keys')
    expect(begin().insert('numbered', { id: 5, level: 0.5 }).key).toEqual({ id: '5' })
    expect(failure(() => begin().insert('always', {})).code).toBe('missing_value')
    expect(failure(() => begin().insert('always', { id: 1 })).code).toBe('invalid_value')
  })

  it("treats names of JavaScript's own as ordinary unknown columns", () => {
    const values: unknown = JSON.parse('{"obs_unit_id": 1, "__proto__": {"notes": "x"}, "constructor": 1}')
    const error = failure(() => begin().insert('unit', values as Record<string, unknown>))
    expect(problems(error)).toEqual([
      ['__proto__', 'unknown_column'],
      ['constructor', 'unknown_column'],
    ])
  })
})

describe('an update', () => {
  it('takes the whole key and the changed columns', () => {
    const tx = begin()
    const row = tx.update('pair', { b: 1, a: 'x' }, { c: 'new', b: 2 })
    expect(tx.build().operations).toEqual([
      { kind: 'update', table: 'public.pair', key: { a: 'x', b: '1' }, set: { c: 'new', b: '2' } },
    ])
    expect(row.key).toEqual({ a: 'x', b: '2' })
  })

  it('P9: refuses a part of a key, an empty set, a null where none may be, and a key that is none', () => {
    expect(problems(failure(() => begin().update('pair', { a: 'x' }, { c: '1' })))).toEqual([
      ['b', 'missing_key'],
    ])
    expect(failure(() => begin().update('pair', { a: 'x', b: 1 }, {})).code).toBe('missing_value')
    expect(failure(() => begin().update('pair', { a: 'x', b: 1 }, { b: null })).code).toBe('missing_value')
    expect(problems(failure(() => begin().update('pair', { a: 'x', b: 1, c: '1' }, { c: '2' })))).toEqual([
      ['c', 'invalid_value'],
    ])
    expect(problems(failure(() => begin().delete('pair', { a: null, b: 1 })))).toEqual([['a', 'missing_key']])
  })

  it('of a row of an earlier step needs no key', () => {
    const tx = begin()
    const row = tx.insert('unit', { obs_unit_id: 1 })
    expect(tx.update('unit', row, { notes: 'late' }).get('obs_unit_id')).toBe('1')
    tx.delete('unit', row)
    expect(tx.build().operations.map((operation) => operation.kind)).toEqual(['insert', 'update', 'delete'])
  })
})

describe('a transaction', () => {
  it('carries id, digest, catalog version, conflict set and flags', () => {
    const tx = begin()
    tx.update('unit', { id: '5768D4C7-3908-421A-A765-E16CACC65101' }, { notes: 'x' })
    const built = tx.build()
    expect(built).toEqual({
      id: tx.id,
      operations: built.operations,
      digest: operationsDigest(built.operations),
      writes: ['pk|public.unit|5768d4c7-3908-421a-a765-e16cacc65101'],
      references: [],
      catalogVersion: 'schema-1',
      flags: [],
    })
    expect(begin().id > tx.id).toBe(true)
  })

  it('N10: is flagged when it belongs to the common lane', () => {
    const tx = begin()
    tx.delete('unit', { id: '5768d4c7-3908-421a-a765-e16cacc65101' })
    expect(tx.build().flags).toEqual(['common_lane'])
  })

  it('P9: is refused empty, with too many operations, or too large', () => {
    expect(failure(() => begin().build()).code).toBe('transaction_empty')
    const many = Array.from({ length: 4 }, (_, b) => ({ a: 'x', b }))
    expect(failure(() => begin({ maximumOperations: 3 }).insertMany('pair', many)).code).toBe(
      'transaction_too_large',
    )
    expect(
      failure(() => begin({ maximumBytes: 100 }).insert('pair', { a: 'x'.repeat(101), b: 1 })).code,
    ).toBe('transaction_too_large')
    const tx = begin({ maximumBytes: 100 })
    tx.insert('pair', { a: 'ü'.repeat(60), b: 1 })
    expect(failure(() => tx.build()).code).toBe('transaction_too_large')
  })

  it('P9: refuses tables that a site cannot record to', () => {
    for (const name of ['nowhere', 'log', 'remote', '', 'unit"; DROP TABLE unit']) {
      expect(failure(() => begin().insert(name, {})).code).toBe('unknown_table')
    }
  })
})
