import { expect, it } from 'vitest'
import { canonicalOperations, operationsDigest } from './digest.ts'

it('does not depend on the order in which columns were named', () => {
  const one = operationsDigest([{ kind: 'insert', table: 'public.t', row: { id: '1', name: null } }])
  const other = operationsDigest([{ kind: 'insert', table: 'public.t', row: { name: null, id: '1' } }])
  expect(one).toBe(other)
  expect(one).toMatch(/^[0-9a-f]{64}$/)
})

it('depends on the order of operations, on kind, table, column, value and on null against text', () => {
  const variants = [
    [{ kind: 'insert', table: 'public.t', row: { id: '1' } }],
    [{ kind: 'delete', table: 'public.t', key: { id: '1' } }],
    [{ kind: 'delete', table: 'public.u', key: { id: '1' } }],
    [{ kind: 'delete', table: 'public.t', key: { id: '2' } }],
    [{ kind: 'delete', table: 'public.t', key: { id: 'null' } }],
    [{ kind: 'delete', table: 'public.t', key: { id: null } }],
    [{ kind: 'update', table: 'public.t', key: { id: '1' }, set: { a: '","b":"' } }],
    [{ kind: 'update', table: 'public.t', key: { id: '1' }, set: { a: '', b: '' } }],
  ] as const
  expect(new Set(variants.map((operations) => operationsDigest(operations))).size).toBe(variants.length)
})

it('is the same canonical text for ever, because ledgers keep its digest', () => {
  const text = canonicalOperations([
    { kind: 'update', table: 'public.t', key: { id: '1' }, set: { b: null, a: 'ü"' } },
    { kind: 'delete', table: 'public.t', key: { id: '1' } },
  ])
  expect(text).toBe('[["u","public.t",["id","1"],["a","ü\\"","b",null]],["d","public.t",["id","1"]]]')
})
