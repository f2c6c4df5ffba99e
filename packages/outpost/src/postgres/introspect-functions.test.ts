import { describe, expect, it } from 'vitest'
import { type FunctionRow, unsafeFunctions } from './introspect-functions.ts'

const fn = (name: string, change: Partial<FunctionRow> = {}): FunctionRow => ({
  name,
  language: 'sql',
  isImmutable: true,
  extension: null,
  body: 'SELECT $1 + 1',
  parts: null,
  ...change,
})
const unsafe = (...rows: FunctionRow[]) => [...unsafeFunctions(rows)]

describe('functions that could read a table', () => {
  it('P6: are all that do not promise otherwise', () => {
    expect(unsafe(fn('pure'))).toEqual([])
    expect(unsafe(fn('stable', { isImmutable: false }))).toEqual(['stable'])
    expect(unsafe(fn('native', { language: 'c' }))).toEqual(['native'])
    expect(unsafe(fn('script', { language: 'plpython3u', body: 'return 1' }))).toEqual(['script'])
  })

  it('P6: are those that promise falsely', () => {
    expect(unsafe(fn('liar', { body: 'SELECT count(*) FROM t' }))).toEqual(['liar'])
    expect(unsafe(fn('dynamic', { language: 'plpgsql', body: "BEGIN EXECUTE 'x'; END" }))).toEqual([
      'dynamic',
    ])
  })

  it('P6: are those that call one, at any depth, also as part of an aggregate', () => {
    const rows = [
      fn('reads', { isImmutable: false }),
      fn('Middle', { body: 'SELECT public.reads($1)' }),
      fn('outer', { body: 'SELECT "Middle"($1)' }),
      fn('total', { language: 'internal', parts: ['outer'] }),
      fn('fine_total', { language: 'internal', parts: ['pure'] }),
      fn('pure'),
    ]
    expect(unsafe(...rows)).toEqual(['middle', 'outer', 'reads', 'total'])
  })

  it('P6: of overloads the unsafe one counts', () => {
    expect(unsafe(fn('f'), fn('f', { isImmutable: false }))).toEqual(['f'])
  })

  it('are not those of extensions that only compute', () => {
    expect(unsafe(fn('similarity', { language: 'c', isImmutable: false, extension: 'pg_trgm' }))).toEqual([])
    expect(unsafe(fn('dblink', { language: 'c', isImmutable: false, extension: 'dblink' }))).toEqual([
      'dblink',
    ])
  })
})
