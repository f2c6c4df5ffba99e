import { ProblemError } from 'outpost/fastify'
import { describe, expect, it } from 'vitest'
import { type Cursor, writeCursor } from './cursor.ts'
import { listQuery } from './list-query.ts'
import { countedPageSql, pageSql } from './list-sql.ts'
import { executedObsUnits as units } from './recorded-resources.ts'

const id = '0190b7a4-1f2e-7c33-8a55-66d0c1a2b3c4'

function codeOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof ProblemError) return error.problem.code
    throw error
  }
  return 'none'
}

describe('listQuery', () => {
  it('reads filters, sort, limit and count', () => {
    const query = listQuery(units, {
      status: 'running',
      'start_time.gte': '2026-04-15T22:00:00Z',
      'obs_unit_id.in': '1,2,3',
      sort: '-start_time',
      limit: '10',
      count: 'true',
    })
    expect(query).toEqual({
      filters: [
        { column: 'status', comparison: 'eq', values: ['running'] },
        { column: 'start_time', comparison: 'gte', values: ['2026-04-15T22:00:00Z'] },
        { column: 'obs_unit_id', comparison: 'in', values: ['1', '2', '3'] },
      ],
      sort: { column: 'start_time', isDescending: true },
      limit: 10,
      withCount: true,
    })
  })

  it('takes a time without a zone as UTC', () => {
    const filter = (value: string) => listQuery(units, { start_time: value }).filters[0]?.values[0]
    expect(filter('2026-04-15')).toBe('2026-04-15 00:00:00Z')
    expect(filter('2026-04-15T22:00:00')).toBe('2026-04-15T22:00:00Z')
    expect(filter('2026-04-15T22:00:00+02')).toBe('2026-04-15T22:00:00+02')
  })

  it.each([
    [{ nonsense: '1' }, 'filter_unknown'],
    [{ 'status.like': 'x' }, 'filter_unknown'],
    [{ 'status.eq.eq': 'x' }, 'filter_unknown'],
    [{ '"; DROP TABLE source; --': '1' }, 'filter_unknown'],
    [{ constructor: '1' }, 'filter_unknown'],
    [{ sort: 'start_time; DROP TABLE source' }, 'filter_unknown'],
    [{ id: 'no-uuid' }, 'invalid_value'],
    [{ obs_unit_id: '1e3' }, 'invalid_value'],
    [{ obs_unit_id: '99999999999' }, 'invalid_value'],
    [{ mean_elevation: 'NaN' }, 'invalid_value'],
    [{ mean_elevation: '1e999' }, 'invalid_value'],
    [{ start_time: '2026-02-31' }, 'invalid_value'],
    [{ start_time: 'yesterday' }, 'invalid_value'],
    [{ start_time: '0000-01-01' }, 'invalid_value'],
    [{ start_time: '2026-04-15T22:00:00+16:00' }, 'invalid_value'],
    [{ start_time: '2026-04-15T22:00:00+01:60' }, 'invalid_value'],
    [{ mean_elevation: '1e-400' }, 'invalid_value'],
    [{ notes: 'a\0b' }, 'invalid_value'],
    [{ notes: '\ud800' }, 'invalid_value'],
    [{ status: ['a', 'b'] }, 'invalid_value'],
    [{ limit: '0' }, 'invalid_value'],
    [{ limit: '501' }, 'invalid_value'],
    [{ limit: '-1' }, 'invalid_value'],
    [{ count: 'maybe' }, 'invalid_value'],
    [{ cursor: 'x' }, 'cursor_invalid'],
    [{ cursor: Buffer.from('{"a":1}').toString('base64url') }, 'cursor_invalid'],
  ])('P9: refuses %j with %s', (query, code) => {
    expect(codeOf(() => listQuery(units, query))).toBe(code)
  })

  it('takes a cursor only for the order that it was made in', () => {
    const cursor = writeCursor(
      units,
      { column: 'start_time', isDescending: true },
      { value: '2026-04-15 22:00:00+00', id },
    )
    expect(listQuery(units, { cursor }).cursor).toEqual({
      kind: 'value',
      value: '2026-04-15 22:00:00+00',
      id,
    })
    expect(codeOf(() => listQuery(units, { cursor, sort: 'start_time' }))).toBe('cursor_invalid')
  })
})

describe('pageSql', () => {
  const page = (query: Record<string, string>, after?: Cursor) =>
    pageSql(units, listQuery(units, query), after)

  it('binds every value and quotes every name', () => {
    const { text, values } = page({ status: "x' OR 1=1 --", limit: '5' })
    expect(text).toContain('WHERE "status" = $1 ORDER BY "start_time" DESC, "id" DESC LIMIT 6')
    expect(values).toEqual(["x' OR 1=1 --"])
  })

  it('goes on after a row in either direction, nulls where the index has them', () => {
    const at = { value: '2026-04-15 22:00:00+00', id }
    const descending = page({ sort: '-end_time' }, at)
    expect(descending.text).toContain('WHERE ("end_time", "id") < ($1, $2) ORDER BY')
    const ascending = page({ sort: 'end_time' }, at)
    expect(ascending.text).toContain('WHERE (("end_time", "id") > ($1, $2) OR "end_time" IS NULL) ORDER BY')
    const inNulls = page({ sort: '-end_time' }, { value: null, id })
    expect(inNulls.text).toContain(
      'WHERE (("end_time" IS NULL AND "id" < $1) OR "end_time" IS NOT NULL) ORDER BY',
    )
  })

  it('counts in the same statement what the filters match, whatever the page', () => {
    const query = listQuery(units, { status: 'running', sort: '-end_time', limit: '1' })
    const at = { value: '2026-04-15 22:00:00+00', id }
    const { text, values } = countedPageSql(units, query, at)
    expect(text).toContain(
      '(SELECT count(*)::text AS total FROM public.executed_obs_unit WHERE "status" = $1) AS c',
    )
    expect(text).toContain('WHERE "status" = $1 AND ("end_time", "id") < ($2, $3) ORDER BY "end_time" DESC')
    expect(text).toMatch(/ AS p ON true ORDER BY p\."end_time" DESC, p\."id" DESC$/)
    expect(values).toEqual(['running', at.value, id])
  })
})
