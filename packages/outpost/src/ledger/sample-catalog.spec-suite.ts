import type { Catalog, Column, ForeignKey, Table } from '../postgres/catalog.ts'

const column = (name: string, base: string): Column => ({
  name,
  type: {
    oid: 0,
    name: base,
    nameWithModifier: base,
    modifier: -1,
    kind: 'base',
    base,
    hasExactEquality: true,
  },
  isNullable: true,
})

const table = (relation: string, columns: readonly string[], rest: Partial<Table> = {}): Table => ({
  name: `public.${relation}`,
  schema: 'public',
  relation,
  kind: 'table',
  columns: columns.map((name) => column(name, 'text')),
  primaryKey: ['id'],
  foreignKeys: [],
  uniqueKeys: [],
  checks: [],
  indexedColumns: ['id'],
  hasTriggers: false,
  hasRowSecurity: false,
  ...rest,
})

const reference = (
  columns: string,
  to: string,
  onDelete: ForeignKey['onDelete'] = 'no_action',
): ForeignKey => ({
  name: `${columns}_fkey`,
  columns: [columns],
  references: `public.${to}`,
  referencedColumns: ['id'],
  onDelete,
  onUpdate: 'no_action',
})

/** A parent with a unique name, a child, a tree that refers to itself, one with a trigger. */
export function sampleCatalog(): Catalog {
  const tables = [
    table('unit', ['id', 'name', 'status'], {
      uniqueKeys: [{ name: 'unit_name_key', columns: ['name'], nullsNotDistinct: false }],
    }),
    table('file', ['id', 'unit_id', 'size'], { foreignKeys: [reference('unit_id', 'unit')] }),
    table('tree', ['id', 'parent'], { foreignKeys: [reference('parent', 'tree')] }),
    table('loose', ['id', 'value']),
    table('watched', ['id', 'value'], { hasTriggers: true }),
  ]
  return {
    version: 'sample',
    readAtMs: 0,
    serverVersion: 150000,
    searchPath: ['public'],
    tables: new Map(tables.map((each) => [each.name, each])),
    views: new Map(),
    userFunctions: new Set(),
  }
}
