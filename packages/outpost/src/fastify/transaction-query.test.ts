import { describe, expect, it } from 'vitest'
import { conflictQuery, transactionQuery } from './transaction-query.ts'

describe('transactionQuery', () => {
  it('reads state, limit and after, as text or as numbers', () => {
    expect(transactionQuery({ state: 'rejected', limit: '10', after: 5 })).toEqual({
      state: 'rejected',
      limit: 10,
      after: 5,
    })
    expect(transactionQuery({})).toEqual({ limit: 50 })
  })

  it.each([
    { state: 'lost' },
    { limit: '0' },
    { limit: '501' },
    { limit: '1.5' },
    { after: '-1' },
    { after: '1e3' },
    { before: '1' },
    { limit: ['1', '2'] },
  ])('P9: refuses %j', (query) => {
    expect(() => transactionQuery(query)).toThrow(
      expect.objectContaining({ problem: expect.objectContaining({ status: 422 }) }),
    )
  })
})

describe('conflictQuery', () => {
  it('reads table, limit and before', () => {
    expect(conflictQuery({ table: 'public.unit', limit: '10', before: '7' })).toEqual({
      table: 'public.unit',
      limit: 10,
      before: '7',
    })
    expect(conflictQuery({})).toEqual({ limit: 50 })
  })

  it.each([
    { before: '0' },
    { before: 'x' },
    { limit: 0 },
    { table: ['a', 'b'] },
    { table: 'a\0' },
    { state: 'x' },
  ])('P9: refuses %j', (query) => {
    expect(() => conflictQuery(query)).toThrow(
      expect.objectContaining({ problem: expect.objectContaining({ status: 422 }) }),
    )
  })
})
