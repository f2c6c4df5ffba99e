import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Catalog, Table, View } from './catalog.ts'
import { nearestName } from './nearest-name.ts'
import { parseQualifiedName } from './qualified-name.ts'
import { quoteIdent, quoteTable } from './quote.ts'
import { resolveTable } from './resolve-table.ts'

const table = (schema: string, relation: string): Table => ({
  name: quoteTable(schema, relation),
  schema,
  relation,
  kind: 'table',
  columns: [],
  primaryKey: [],
  foreignKeys: [],
  uniqueKeys: [],
  checks: [],
  indexedColumns: [],
  hasTriggers: false,
  hasRowSecurity: false,
})
const view: View = {
  name: 'public.overview',
  schema: 'public',
  relation: 'overview',
  sql: '',
  columns: [],
  isMaterialized: false,
  isSecurityBarrier: false,
}

const tables = [
  table('public', 'executed_obs_unit'),
  table('public', 'user'),
  table('public', 'Weird "one'),
  table('lab', 'note'),
  table('public', 'note'),
]
const catalog: Catalog = {
  version: '',
  readAtMs: 0,
  serverVersion: 180_000,
  searchPath: ['lab', 'public'],
  tables: new Map(tables.map((each) => [each.name, each])),
  views: new Map([[view.name, view]]),
  userFunctions: new Set(),
}

describe('resolveTable', () => {
  it.each([
    ['executed_obs_unit', 'public.executed_obs_unit'],
    ['Executed_Obs_Unit', 'public.executed_obs_unit'],
    ['public.executed_obs_unit', 'public.executed_obs_unit'],
    ['"public"."executed_obs_unit"', 'public.executed_obs_unit'],
    ['public.user', 'public."user"'],
    ['"Weird ""one"', 'public."Weird ""one"'],
    ['note', 'lab.note'],
    ['public.note', 'public.note'],
  ])('reads %s as PostgreSQL would', (name, expected) => {
    expect(resolveTable(catalog, name).name).toBe(expected)
  })

  it.each([
    ['executed_obs_units', 'Did you mean public.executed_obs_unit?'],
    ['public.nota', 'Did you mean public.note?'],
    ['"Executed_obs_unit"', 'Did you mean public.executed_obs_unit?'],
  ])('P9: suggests the nearest name for %s', (name, hint) => {
    expect(() => resolveTable(catalog, name)).toThrow(
      expect.objectContaining({ code: 'unknown_table', hint }),
    )
  })

  it('P9: says that a view is one', () => {
    expect(() => resolveTable(catalog, 'overview')).toThrow(/is a view/)
  })

  it('P9: refuses everything else as unknown_table', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        expect(() => resolveTable(catalog, name)).toThrow(expect.objectContaining({ code: 'unknown_table' }))
      }),
    )
    for (const name of [
      '',
      '.',
      'a.b.c',
      'public.',
      '"',
      '"a',
      'note; DROP TABLE note',
      'x'.repeat(100_000),
    ]) {
      expect(() => resolveTable(catalog, name)).toThrow(expect.objectContaining({ code: 'unknown_table' }))
    }
  })
})

describe('parseQualifiedName', () => {
  it('reads back what quoting wrote', () => {
    const part = fc.string({ unit: 'binary', minLength: 1 }).filter((text) => !text.includes('\0'))
    fc.assert(
      fc.property(part, part, (schema, relation) => {
        expect(parseQualifiedName(quoteTable(schema, relation))).toEqual({ schema, relation })
        expect(parseQualifiedName(quoteIdent(relation))).toEqual({ relation })
      }),
    )
  })
})

describe('nearestName', () => {
  it('suggests nothing that is far away', () => {
    const names = new Map([['raw_data_file', 'raw_data_file']])
    expect(nearestName('raw_data_fiel', names)).toBe('raw_data_file')
    expect(nearestName('telescope', names)).toBeUndefined()
    expect(nearestName('', names)).toBeUndefined()
  })
})
