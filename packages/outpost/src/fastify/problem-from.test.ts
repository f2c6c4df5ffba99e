import { describe, expect, it } from 'vitest'
import { OutpostError } from '../errors/outpost-error.ts'
import { ProblemError } from './problem.ts'
import { problemFrom } from './problem-from.ts'

const database = (code: string, facts: Record<string, string> = {}) =>
  Object.assign(new Error('secret row (password)=(hunter2)'), {
    code,
    severity: 'ERROR',
    detail: 'hunter2',
    ...facts,
  })

describe('problemFrom', () => {
  it('keeps code, message and hint of a known error', () => {
    const { problem } = problemFrom(
      new OutpostError('journal_full', 'It is full.', { hint: 'Free space.' }),
      'i',
    )
    expect(problem).toMatchObject({
      status: 507,
      code: 'journal_full',
      detail: 'It is full.',
      hint: 'Free space.',
    })
    expect(problem.type).toBe('urn:outpost:error:journal_full')
  })

  it.each([
    ['23505', 409, 'already_exists'],
    ['23503', 422, 'unknown_reference'],
    ['23502', 422, 'missing_value'],
    ['23514', 422, 'check_failed'],
    ['22001', 422, 'invalid_value'],
    ['22P02', 422, 'invalid_value'],
    ['57014', 503, 'database_busy'],
    ['40001', 503, 'database_busy'],
    ['53300', 503, 'database_busy'],
    ['08006', 503, 'main_unreachable'],
    ['25006', 503, 'main_unreachable'],
    ['42P01', 500, 'internal_error'],
    ['42501', 500, 'internal_error'],
    ['XX000', 500, 'internal_error'],
  ])('P9: SQLSTATE %s is answered with %i %s, and leaks nothing', (sqlstate, status, code) => {
    const { problem } = problemFrom(database(sqlstate, { constraint: 'source_name_key' }), 'incident-1')
    expect(problem).toMatchObject({ status, code })
    expect(JSON.stringify(problem)).not.toMatch(/hunter2|password/)
  })

  it('names the constraint that a value breaks', () => {
    const { problem } = problemFrom(database('23514', { constraint: 'at_most_50_gb' }), 'i')
    expect(problem.details).toEqual({ sqlstate: '23514', constraint: 'at_most_50_gb' })
  })

  it('says when to come back', () => {
    expect(problemFrom(new OutpostError('main_unreachable', 'away'), 'i').retryAfterSeconds).toBe(5)
    expect(
      problemFrom(new ProblemError('main_unreachable', 'away', { retryAfterSeconds: 30 }), 'i')
        .retryAfterSeconds,
    ).toBe(30)
    const refused = Object.assign(new Error('connect 10.0.0.1:5432'), { code: 'ECONNREFUSED' })
    expect(problemFrom(refused, 'i').problem).toMatchObject({ status: 503, code: 'main_unreachable' })
  })

  it('P9: tells only the incident of what nobody foresaw', () => {
    for (const error of [
      new TypeError('postgres://user:hunter2@host'),
      'hunter2',
      undefined,
      { password: 'hunter2' },
    ]) {
      const { problem, isUnexpected } = problemFrom(error, 'incident-1')
      expect(problem).toMatchObject({
        status: 500,
        code: 'internal_error',
        details: { incident: 'incident-1' },
      })
      expect(JSON.stringify(problem)).not.toContain('hunter2')
      expect(isUnexpected).toBe(true)
    }
  })
})
