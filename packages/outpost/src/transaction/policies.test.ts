import { describe, expect, it } from 'vitest'
import type { ConflictPolicy } from '../postgres/catalog.ts'
import { TransactionBuilder } from './builder.ts'
import { catalogOf, column, table } from './catalog-case.spec-suite.ts'

const parent = table('reading', [column('id', 'int4'), column('value', 'text')], { kind: 'partitioned' })
const part = { ...parent, name: 'public.reading_1', relation: 'reading_1', parent: 'public.reading' }

const begin = (policy?: ConflictPolicy) =>
  new TransactionBuilder({
    ...catalogOf(parent, { ...part, kind: 'partition' }),
    ...(policy && { policies: new Map([['public.reading', policy]]) }),
  })
const set = { value: 'new' }

describe('a change of a table with a conflict policy', () => {
  it('carries what its client saw, and its digest says so', () => {
    const blind = begin()
    blind.update('reading', { id: 1 }, set)
    const told = begin()
    told.update('reading', { id: 1 }, set, { seen: { value: null } })
    told.delete('reading', { id: 2 }, { seen: { value: 'old' } })
    expect(told.build().operations).toMatchObject([{ seen: { value: null } }, { seen: { value: 'old' } }])
    expect(blind.build().operations[0]).not.toHaveProperty('seen')
    const [only] = [begin()]
    only.update('reading', { id: 1 }, set, { seen: { value: null } })
    expect(only.build().digest).not.toBe(blind.build().digest)
  })

  it('P9: is refused where the columns seen do not exist', () => {
    expect(() => begin().update('reading', { id: 1 }, set, { seen: { nothing: 1 } })).toThrow(
      /no column "nothing"/,
    )
  })

  it('N24: is refused at the edge where the table takes new rows only, also by the name of a partition', () => {
    const tx = begin('append_only')
    tx.insert('reading', { id: 1, value: 'a' })
    for (const name of ['reading', 'reading_1']) {
      expect(() => tx.update(name, { id: 1 }, set)).toThrow(/takes new rows only/)
      expect(() => tx.delete(name, { id: 1 })).toThrow(expect.objectContaining({ code: 'append_only' }))
    }
    expect(tx.size).toBe(1)
  })

  it('is refused at the edge where main compares and the client says nothing', () => {
    const refusal = expect.objectContaining({
      code: 'missing_value',
      hint: expect.stringContaining('`seen`'),
    })
    for (const seen of [undefined, {}]) {
      const options = seen === undefined ? {} : { seen }
      expect(() => begin('compare_and_set').update('reading', { id: 1 }, set, options)).toThrow(refusal)
      expect(() => begin('compare_and_set').delete('reading', { id: 1 }, options)).toThrow(refusal)
    }
    begin('compare_and_set').update('reading', { id: 1 }, set, { seen: { value: 'old' } })
  })
})
