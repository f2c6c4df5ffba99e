import { describe, expect, it } from 'vitest'
import type { Operation } from '../transaction/operation.ts'
import { liftKeys } from './lift-keys.ts'
import { liftOperations } from './lift-operations.ts'
import { inverted, type SchemaStep } from './schema-step.ts'

const table = 'public.note'
const insert: Operation = { kind: 'insert', table, row: { id: '1', text: 'a', size: '5' } }
const update: Operation = { kind: 'update', table, key: { id: '1' }, set: { size: '6' } }
const remove: Operation = { kind: 'delete', table, key: { id: '1' } }
const all = [insert, update, remove]
const split: SchemaStep = {
  kind: 'split_table',
  table,
  to: 'public.extent',
  columns: { size: 'amount' },
  key: { id: 'note_id' },
}

describe('liftOperations', () => {
  it('leaves what no step touches as it is, itself', () => {
    const lifted = liftOperations(all, [{ kind: 'drop_column', table: 'public.other', column: 'size' }])
    expect(lifted).toMatchObject({ kind: 'lifted' })
    expect(lifted.kind === 'lifted' && lifted.operations).toBe(all)
  })

  it('turns a change of a moved column into one of the row that it moved to', () => {
    expect(liftOperations(all, [split])).toEqual({
      kind: 'lifted',
      operations: [
        { kind: 'insert', table, row: { id: '1', text: 'a' } },
        { kind: 'insert', table: 'public.extent', row: { note_id: '1', amount: '5' } },
        { kind: 'update', table: 'public.extent', key: { note_id: '1' }, set: { amount: '6' } },
        { kind: 'delete', table: 'public.extent', key: { note_id: '1' } },
        { kind: 'delete', table, key: { id: '1' } },
      ],
    })
  })

  it('leaves nothing of an update whose only column was dropped', () => {
    const lifted = liftOperations([update], [{ kind: 'drop_column', table, column: 'size' }])
    expect(lifted).toEqual({ kind: 'lifted', operations: [] })
  })

  it('lifts what the client saw with the columns that it saw', () => {
    const seen: Operation = {
      kind: 'update',
      table,
      key: { id: '1' },
      set: { text: 'b' },
      seen: { text: 'a', size: '5' },
    }
    const seenOf = (step: SchemaStep, operation: Operation = seen) => {
      const lifted = liftOperations([operation], [step])
      if (lifted.kind === 'refused') return lifted.reason
      return lifted.operations.map((each) => ('seen' in each ? each.seen : undefined))
    }
    expect(seenOf({ kind: 'rename_column', table, column: 'size', to: 'extent' })).toEqual([
      { text: 'a', extent: '5' },
    ])
    expect(seenOf({ kind: 'map_values', table, column: 'size', values: { 5: '50' } })).toEqual([
      { text: 'a', size: '50' },
    ])
    expect(seenOf({ kind: 'drop_column', table, column: 'size' })).toEqual([{ text: 'a' }])
    expect(seenOf({ kind: 'add_column', table, column: 'weight', value: '1' })).toEqual([
      { text: 'a', size: '5' },
    ])
    expect(
      seenOf({ kind: 'drop_column', table, column: 'text' }, { ...remove, seen: { text: 'a' } }),
    ).toEqual([undefined])
    const ofNull = { ...seen, seen: { size: null } }
    expect(seenOf({ kind: 'fill_null', table, column: 'size', value: '0' }, ofNull)).toEqual([{ size: '0' }])
    expect(seenOf(split)).toEqual([{ text: 'a' }])
    expect(seenOf(split, { ...seen, set: { text: 'b', size: '6' } })).toEqual([
      { text: 'a' },
      { amount: '5' },
    ])
    expect(seenOf(split, { ...remove, seen: { size: '5', text: 'a' } })).toEqual([
      { amount: '5' },
      { text: 'a' },
    ])
    const { to, ...rest } = split as Extract<SchemaStep, { kind: 'split_table' }>
    const away: Operation = {
      kind: 'update',
      table: to,
      key: { note_id: '1' },
      set: { amount: '6' },
      seen: { amount: '5' },
    }
    expect(seenOf({ ...rest, kind: 'merge_table', from: to }, away)).toEqual([{ size: '5' }])
  })

  it('refuses only what gives the refused column a value', () => {
    const refuse: SchemaStep = { kind: 'refuse', table, column: 'size', reason: 'no more' }
    expect(liftOperations([remove], [refuse])).toMatchObject({ kind: 'lifted' })
    expect(liftOperations([remove, update], [refuse])).toEqual({ kind: 'refused', reason: 'no more' })
  })

  it.each<readonly [string, readonly SchemaStep[]]>([
    ['a renamed column', [{ kind: 'rename_column', table, column: 'size', to: 'extent' }]],
    ['a renamed table', [{ kind: 'rename_table', table, to: 'public.remark' }]],
    ['other values', [{ kind: 'map_values', table, column: 'size', values: { 5: '50', 6: '60' } }]],
    ['an added column', [{ kind: 'add_column', table, column: 'weight', value: '1' }]],
    [
      'several in a row',
      [
        { kind: 'rename_table', table, to: 'public.remark' },
        { kind: 'rename_column', table: 'public.remark', column: 'text', to: 'words' },
      ],
    ],
  ])('comes back to what was recorded: %s', (_what, steps) => {
    const there = liftOperations(all, steps)
    if (there.kind !== 'lifted') throw new TypeError(there.reason)
    expect(there.operations).not.toEqual(all)
    expect(liftOperations(there.operations, inverted(steps))).toEqual({ kind: 'lifted', operations: all })
  })

  it('brings a split row home as changes of the one row', () => {
    const there = liftOperations([insert], [split])
    if (there.kind !== 'lifted') throw new TypeError(there.reason)
    expect(liftOperations(there.operations, inverted([split]))).toEqual({
      kind: 'lifted',
      operations: [
        { kind: 'insert', table, row: { id: '1', text: 'a' } },
        { kind: 'update', table, key: { id: '1' }, set: { size: '5' } },
      ],
    })
  })
})

describe('liftKeys', () => {
  it('names the row under its new table, and of a split one both', () => {
    const keys = [
      'pk|public.note|1',
      'uq|public.note.note_text_key|a',
      'common|pk|public.note',
      'pk|public.notes|1',
    ]
    expect(liftKeys(keys, [{ kind: 'rename_table', table, to: 'public.remark' }])).toEqual([
      'pk|public.remark|1',
      'uq|public.remark.note_text_key|a',
      'common|pk|public.remark',
      'pk|public.notes|1',
    ])
    expect(liftKeys(keys.slice(0, 1), [split])).toEqual(['pk|public.note|1', 'pk|public.extent|1'])
    expect(liftKeys(keys, [{ kind: 'drop_column', table, column: 'size' }])).toBe(keys)
  })
})
