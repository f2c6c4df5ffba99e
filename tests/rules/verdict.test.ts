import { describe, expect, it } from 'vitest'
import { namePattern } from './run-tests.ts'
import { verdictOf } from './verdict.ts'

describe('verdictOf', () => {
  it('tells a rule that is missed from one that is not, and both from a change that does not run', () => {
    const failed = (messages: string) => ({ passed: [], failed: [{ name: 'x', messages }] })
    expect(verdictOf(failed('expected 1 to be 2'))).toBe('caught')
    expect(verdictOf(failed('error: syntax error at or near ";"'))).toBe('broken')
    expect(verdictOf({ passed: ['x'], failed: [] })).toBe('unnoticed')
    expect(verdictOf({ passed: [], failed: [] })).toBe('missing')
    expect(verdictOf(undefined)).toBe('stale')
  })
})

describe('namePattern', () => {
  it('finds one case of several, on one version', () => {
    const pattern = namePattern({
      file: 'a.pg.test.ts',
      title: 'N8: stops (at once) in groups of',
      filled: ' 1',
    })
    expect(pattern.test('x [PostgreSQL 18] N8: stops (at once) in groups of 1')).toBe(true)
    expect(pattern.test('x [PostgreSQL 18] N8: stops (at once) in groups of 100')).toBe(false)
    expect(pattern.test('x [PostgreSQL 15] N8: stops (at once) in groups of 1')).toBe(false)
  })
})
