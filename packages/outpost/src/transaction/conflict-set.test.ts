import { describe, expect, it } from 'vitest'
import { catalogOf, column, foreignKey, table, uniqueKey } from './catalog-case.spec-suite.ts'
import { conflictSet, type KnownOperation } from './conflict-set.ts'
import type { TextRow } from './operation.ts'

const parent = table('parent', [column('id', 'int4'), column('code', 'text')], {
  uniqueKeys: [uniqueKey('parent_code', ['code'])],
})
const child = table(
  'child',
  [
    column('id', 'int4'),
    column('parent_id', 'int4'),
    column('parent_code', 'text'),
    column('slot', 'numeric'),
    column('note', 'text'),
  ],
  {
    foreignKeys: [
      foreignKey(['parent_id'], 'public.parent', ['id']),
      foreignKey(['parent_code'], 'public.parent', ['code']),
    ],
    uniqueKeys: [uniqueKey('child_slot', ['parent_id', 'slot'])],
  },
)
const loose = table('loose', [column('id', 'int4'), column('name', 'text')])
const triggered = table('triggered', [column('id', 'int4')], { hasTriggers: true })
const partial = table('partial', [column('id', 'int4'), column('a', 'text')], {
  uniqueKeys: [{ name: 'p', nullsNotDistinct: false }],
})
const strictNulls = table('strict_nulls', [column('id', 'int4'), column('a', 'text')], {
  uniqueKeys: [uniqueKey('s', ['a'], true)],
})
const spans = table('spans', [column('id', 'interval')])
const pair = table('pair', [column('a', 'text'), column('b', 'text')], { primaryKey: ['b', 'a'] })
const toPair = table('to_pair', [column('id', 'int4'), column('x', 'text'), column('y', 'text')], {
  foreignKeys: [foreignKey(['x', 'y'], 'public.pair', ['a', 'b'])],
})
const measured = table('measured', [column('id', 'int4')], { kind: 'partitioned' })
const january = table('measured_01', [column('id', 'int4')], { kind: 'partition', parent: 'public.measured' })
const tree = table('tree', [column('id', 'int4')])
const growsOn = (name: string) => ({ ...foreignKey(['on'], name, ['id']), onDelete: 'cascade' as const })
const branch = table('branch', [column('id', 'int4'), column('on', 'int4')], {
  foreignKeys: [growsOn('public.tree')],
})
const leaf = table('leaf', [column('id', 'int4'), column('on', 'int4')], {
  foreignKeys: [growsOn('public.branch')],
})
const catalog = catalogOf(
  tree,
  branch,
  leaf,
  parent,
  child,
  loose,
  triggered,
  partial,
  strictNulls,
  spans,
  pair,
  toPair,
  measured,
  january,
)

const insert = (name: string, row: TextRow): KnownOperation => ({
  operation: { kind: 'insert', table: `public.${name}`, row },
})
const update = (name: string, key: TextRow, set: TextRow, old?: TextRow): KnownOperation => ({
  operation: { kind: 'update', table: `public.${name}`, key, set },
  ...(old === undefined ? {} : { old }),
})
const remove = (name: string, key: TextRow, old?: TextRow): KnownOperation => ({
  operation: { kind: 'delete', table: `public.${name}`, key },
  ...(old === undefined ? {} : { old }),
})
const touch = (...operations: readonly KnownOperation[]) => conflictSet(catalog, operations)

describe('N10: the conflict set', () => {
  it('of an insert names its key, its unique values and what it refers to', () => {
    const row = { id: '1', parent_id: '7', parent_code: 'x|y', slot: '1.50', note: null }
    expect(touch(insert('child', row))).toEqual({
      writes: ['pk|public.child|1', 'uq|public.child.child_slot|7|1.5'],
      references: ['pk|public.parent|7', 'uq|public.parent.parent_code|x\\|y'],
      isCommonLane: false,
    })
  })

  it('of a null reference or a null in a unique key names nothing', () => {
    const row = { id: '1', parent_id: null, parent_code: null, slot: '1', note: null }
    expect(touch(insert('child', row))).toEqual({
      writes: ['pk|public.child|1'],
      references: [],
      isCommonLane: false,
    })
    expect(touch(insert('strict_nulls', { id: '1', a: null })).writes).toContain(
      'uq|public.strict_nulls.s|\\N',
    )
    expect(touch(insert('strict_nulls', { id: '1', a: '\\N' })).writes).toContain(
      'uq|public.strict_nulls.s|\\\\N',
    )
  })

  it('of an update that touches no key names the row alone', () => {
    expect(touch(update('child', { id: '1' }, { note: 'n' }))).toEqual({
      writes: ['pk|public.child|1'],
      references: [],
      isCommonLane: false,
    })
  })

  it('of an update of a unique column names old and new values, or is in the common lane', () => {
    const known = touch(update('child', { id: '1' }, { slot: '2' }, { parent_id: '7', slot: '1' }))
    expect(known.writes).toEqual([
      'pk|public.child|1',
      'uq|public.child.child_slot|7|1',
      'uq|public.child.child_slot|7|2',
    ])
    expect(known.isCommonLane).toBe(false)
    expect(touch(update('child', { id: '1' }, { slot: '2' }))).toEqual({
      writes: ['pk|public.child|1'],
      references: ['common|uq|public.child.child_slot'],
      isCommonLane: true,
    })
  })

  it('learns old values from earlier operations of the same transaction', () => {
    const row = { id: '1', parent_id: '7', parent_code: null, slot: '1', note: null }
    const both = touch(insert('child', row), update('child', { id: '1' }, { slot: '2' }))
    expect(both.isCommonLane).toBe(false)
    expect(both.writes).toContain('uq|public.child.child_slot|7|2')
  })

  it('of a changed primary key names both rows', () => {
    expect(touch(update('loose', { id: '1' }, { id: '2' })).writes).toEqual([
      'pk|public.loose|1',
      'pk|public.loose|2',
    ])
  })

  it('of a delete needs the unique values it frees, and is common where others refer to the table', () => {
    expect(touch(remove('loose', { id: '1' })).isCommonLane).toBe(false)
    expect(touch(remove('child', { id: '1' })).isCommonLane).toBe(true)
    expect(touch(remove('child', { id: '1' }, { parent_id: '7', slot: '1' }))).toMatchObject({
      writes: ['pk|public.child|1', 'uq|public.child.child_slot|7|1'],
      isCommonLane: false,
    })
    expect(touch(remove('parent', { id: '1' }, { code: 'x' })).isCommonLane).toBe(true)
  })

  it.each([
    ['triggers', insert('triggered', { id: '1' })],
    ['a partial or expression key', insert('partial', { id: '1', a: 'x' })],
    ['a key whose equality only PostgreSQL knows', insert('spans', { id: '1 day' })],
    ['a table that the catalog does not know', insert('gone', { id: '1' })],
    ['a changed column that others refer to', update('parent', { id: '1' }, { code: 'y' }, { code: 'x' })],
  ])('is in the common lane for %s', (_, operation) => expect(touch(operation).isCommonLane).toBe(true))

  it.each([
    ['triggers', insert('triggered', { id: '1' }), ['common|pk|public.triggered']],
    ['a partial or expression key', insert('partial', { id: '1', a: 'x' }), ['common|uq|public.partial.p']],
    [
      'a key whose equality only PostgreSQL knows',
      insert('spans', { id: '1 day' }),
      ['common|pk|public.spans'],
    ],
    ['a table that the catalog does not know', insert('gone', { id: '1' }), ['common|pk|public.gone']],
    [
      'a row that takes others with it',
      remove('tree', { id: '1' }),
      ['leaves|pk|public.tree|1', 'common|pk|public.branch', 'common|pk|public.leaf'],
    ],
    [
      'a row that others may only forbid to go',
      remove('parent', { id: '1' }, { code: 'x' }),
      ['leaves|pk|public.parent|1', 'leaves|uq|public.parent.parent_code|x'],
    ],
    [
      'a changed value that others refer to',
      update('parent', { id: '1' }, { code: 'y' }, { code: 'x' }),
      ['leaves|uq|public.parent.parent_code|x'],
    ],
    [
      'a moved row that others refer to',
      update('parent', { id: '1' }, { id: '2' }),
      ['leaves|pk|public.parent|1'],
    ],
  ])('names where its place counts, for %s', (_, operation, references) =>
    expect(touch(operation)).toMatchObject({ references, isCommonLane: true }),
  )

  it('orders a reference as the referenced key is ordered', () => {
    expect(touch(insert('pair', { a: 'A', b: 'B' })).writes).toEqual(['pk|public.pair|B|A'])
    expect(touch(insert('to_pair', { id: '1', x: 'A', y: 'B' })).references).toEqual(['pk|public.pair|B|A'])
  })

  it('does not refer to what it writes itself, and names a row by its topmost table', () => {
    const row = { id: '1', parent_id: '7', parent_code: null, slot: null, note: null }
    expect(touch(insert('parent', { id: '7', code: 'x' }), insert('child', row)).references).toEqual([])
    expect(touch(insert('measured_01', { id: '1' })).writes).toEqual(
      touch(insert('measured', { id: '1' })).writes,
    )
  })
})
