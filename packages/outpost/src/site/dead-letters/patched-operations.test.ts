import { describe, expect, it } from 'vitest'
import { TransactionBuilder } from '../../transaction/builder.ts'
import { catalogOf, column, table } from '../../transaction/catalog-case.spec-suite.ts'
import type { Operation } from '../../transaction/operation.ts'
import { patchOperations } from './patched-operations.ts'

const catalog = catalogOf(
  table('unit', [column('id', 'int4'), column('name', 'text'), column('step', 'int4', { isNullable: true })]),
)
const operations: readonly Operation[] = [
  { kind: 'insert', table: 'public.unit', row: { id: '1', name: 'a', step: null } },
  { kind: 'update', table: 'public.unit', key: { id: '2' }, set: { name: 'b' } },
]
const original = structuredClone(operations)

function patched(...patch: Record<string, unknown>[]): readonly Operation[] {
  const builder = new TransactionBuilder(catalog)
  patchOperations(operations, patch, builder)
  return builder.build().operations
}

describe('patchOperations', () => {
  it('keeps and changes what the client saw', () => {
    const seen = [{ ...operations[1]!, seen: { name: 'a' } }] as readonly Operation[]
    const builder = new TransactionBuilder(catalog)
    patchOperations(seen, [{ op: 'replace', path: '/0/seen/name', value: 'z' }], builder)
    expect(builder.build().operations).toMatchObject([{ set: { name: 'b' }, seen: { name: 'z' } }])
    expect(() => patched({ op: 'add', path: '/0/seen', value: {} })).toThrow(/has no place for "seen"/)
  })

  it('changes, removes and adds, and leaves the operations themselves alone', () => {
    expect(
      patched(
        { op: 'test', path: '/0/row/name', value: 'a' },
        { op: 'replace', path: '/0/row/name', value: 'c' },
        { op: 'add', path: '/0/row/step', value: 7 },
        { op: 'remove', path: '/1' },
        { op: 'add', path: '/-', value: { kind: 'delete', table: 'unit', key: { id: 9 } } },
      ),
    ).toEqual([
      { kind: 'insert', table: 'public.unit', row: { id: '1', name: 'c', step: '7' } },
      { kind: 'delete', table: 'public.unit', key: { id: '9' } },
    ])
    expect(operations).toEqual(original)
    expect(patched({ op: 'replace', path: '', value: [operations[1]] })).toEqual([operations[1]])
  })

  it.each([
    ['a step that is no object', 7],
    ['an unknown op', { op: 'increase', path: '/0' }],
    ['a missing value', { op: 'add', path: '/0/row/name' }],
    ['a place that is no pointer', { op: 'remove', path: '0/row' }],
    ['a place that is not there', { op: 'replace', path: '/0/row/nothing', value: 1 }],
    ['a test that fails', { op: 'test', path: '/0/row/name', value: 'z' }],
    ['a move from nowhere', { op: 'move', path: '/0/row/name' }],
    ['no list left', { op: 'replace', path: '', value: {} }],
    ['an unknown kind', { op: 'replace', path: '/0/kind', value: 'truncate' }],
    ['an update without a key', { op: 'remove', path: '/1/key' }],
    ['a row that is none', { op: 'replace', path: '/0/row', value: ['1'] }],
    ['a stray member', { op: 'add', path: '/0/sql', value: 'DROP TABLE unit' }],
    ['a way to the prototype', { op: 'add', path: '/0/__proto__/polluted', value: true }],
    ['a copy of the prototype', { op: 'copy', from: '/0/constructor', path: '/0/row/name' }],
    ['an escaped way to it', { op: 'add', path: '/0/constructor/prototype/polluted', value: true }],
    [
      'a value with a prototype',
      JSON.parse('{"op":"add","path":"/0/row","value":{"id":1,"name":"a","__proto__":{"step":1}}}'),
    ],
  ])('refuses %s with patch_invalid', (_what, step) => {
    expect(() => patched(step as Record<string, unknown>)).toThrow(
      expect.objectContaining({ code: 'patch_invalid' }),
    )
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  it('names a place that is not there as the step names it', () => {
    expect(() => patched({ op: 'replace', path: '/0/row/nothing', value: 1 })).toThrow(
      'Step 0 of the patch cannot be done: there is no /0/row/nothing',
    )
    expect(() => patched({ op: 'move', from: '/7', path: '/0' })).toThrow('there is no /7')
  })

  it('checks what comes of it as a fresh write', () => {
    const errors = (step: Record<string, unknown>) => {
      try {
        patched(step)
      } catch (error) {
        return (error as { details: { errors: unknown } }).details.errors
      }
      return undefined
    }
    expect(errors({ op: 'add', path: '/0/row/colour', value: 'red' })).toMatchObject([
      { column: 'colour', code: 'unknown_column' },
    ])
    expect(errors({ op: 'replace', path: '/0/row/id', value: 'one' })).toMatchObject([
      { column: 'id', code: 'invalid_value' },
    ])
    expect(errors({ op: 'replace', path: '/0/row/name', value: 'a\0b' })).toMatchObject([
      { column: 'name', code: 'invalid_value' },
    ])
    expect(() => patched({ op: 'replace', path: '', value: [] })).toThrow(
      expect.objectContaining({ code: 'transaction_empty' }),
    )
  })
})
