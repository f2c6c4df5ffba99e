import { describe, expect, it } from 'vitest'
import { catalogOf, column, foreignKey, table, uniqueKey } from '../../transaction/catalog-case.spec-suite.ts'
import type { Operation } from '../../transaction/operation.ts'
import type { TransactionRecord } from '../../transaction/transaction.ts'
import { checkedReason, placesOf, sameContent } from './decision-draft.ts'
import { rejectionLookups } from './rejection-lookups.ts'

const catalog = catalogOf(
  table('unit', [column('id', 'int4'), column('name', 'text')], {
    uniqueKeys: [uniqueKey('unit_name_key', ['name'])],
  }),
  table('file', [column('id', 'int4'), column('unit_id', 'int4')], {
    foreignKeys: [foreignKey(['unit_id'], 'public.unit', ['id'])],
  }),
)
const insert = (relation: string, row: Record<string, string | null>): Operation => ({
  kind: 'insert',
  table: `public.${relation}`,
  row,
})

function record(more: Partial<TransactionRecord> = {}): TransactionRecord {
  return {
    id: 'id',
    seq: 3,
    epoch: 'e',
    operations: [insert('unit', { id: '1', name: 'a' })],
    digest: 'd',
    writes: ['pk|public.unit|1'],
    references: [],
    dependsOn: [],
    catalogVersion: 'schema-0',
    flags: [],
    bufferedAtMs: 0,
    ...more,
  }
}

describe('what a replay records', () => {
  it('finds out anew what the operations touch where the tables have changed since', () => {
    expect(sameContent(record(), catalog)).toMatchObject({
      writes: ['pk|public.unit|1', 'uq|public.unit.unit_name_key|a'],
      catalogVersion: 'schema-1',
    })
    expect(sameContent(record({ catalogVersion: 'schema-1' }), catalog).writes).toEqual(['pk|public.unit|1'])
  })

  it('takes the places of what it replaces, for a replay also those that this one had taken', () => {
    expect(placesOf(record())).toEqual([{ seq: 3, rows: ['pk|public.unit|1'] }])
    const replay = record({
      seq: 9,
      writes: ['pk|public.unit|1', 'pk|public.unit|2', 'uq|public.unit.unit_name_key|a'],
      decision: { kind: 'edit', on: [{ seq: 3, id: 'id' }], places: placesOf(record()) },
    })
    expect(placesOf(replay)).toEqual([
      { seq: 3, rows: ['pk|public.unit|1'] },
      { seq: 9, rows: ['pk|public.unit|2'] },
    ])
  })

  it.each([
    [undefined, true, 'missing_value'],
    ['  ', false, 'missing_value'],
    [7, false, 'missing_value'],
    ['x'.repeat(1_001), true, 'invalid_value'],
    ['a\0b', true, 'invalid_value'],
    ['\ud800', true, 'invalid_value'],
  ])('P9: refuses the reason %j', (reason, isRequired, code) => {
    expect(() => checkedReason(reason, isRequired)).toThrow(expect.objectContaining({ code }))
  })
})

describe('what is looked for on main', () => {
  const lookups = (operations: readonly Operation[], sqlstate: string, constraint?: string) =>
    rejectionLookups(operations, { sqlstate, ...(constraint && { constraint }) }, catalog).map(
      ({ why, table: name, keys, wants }) => ({ why, table: name, keys, wants }),
    )

  it('is who has the unique value: of the named key, else of the primary one', () => {
    const operations = [insert('unit', { id: '1', name: 'a' }), insert('unit', { id: '2', name: 'b' })]
    const found = { why: 'unique', table: 'public.unit', wants: 'present' }
    expect(lookups(operations, '23505', 'unit_name_key')).toEqual([{ ...found, keys: [['a'], ['b']] }])
    expect(lookups(operations, '23505', 'unit_pkey')).toEqual([{ ...found, keys: [['1'], ['2']] }])
  })

  it('is the missing row that is referred to, and what still refers to one that was to go', () => {
    const refers = [insert('file', { id: '1', unit_id: '5' }), insert('file', { id: '2', unit_id: null })]
    expect(lookups(refers, '23503', 'unit_id_fkey')).toEqual([
      { why: 'referenced', table: 'public.unit', keys: [['5']], wants: 'absent' },
    ])
    const goes: Operation = { kind: 'delete', table: 'public.unit', key: { id: '5' } }
    expect(lookups([goes], '23503', 'unit_id_fkey')).toEqual([
      { why: 'referring', table: 'public.file', keys: [['5']], wants: 'present' },
      { why: 'changed', table: 'public.unit', keys: [['5']], wants: 'both' },
    ])
  })

  it('is the row that was to be changed, whatever the error; of an insert alone nothing', () => {
    const update: Operation = { kind: 'update', table: 'public.unit', key: { id: '5' }, set: { name: 'x' } }
    expect(lookups([update], 'OP003')).toEqual([
      { why: 'changed', table: 'public.unit', keys: [['5']], wants: 'both' },
    ])
    expect(lookups([insert('unit', { id: '1', name: 'a' })], '23514', 'unit_check')).toEqual([])
  })
})
