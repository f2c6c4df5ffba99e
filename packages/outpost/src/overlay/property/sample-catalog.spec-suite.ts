import type { Catalog, Column, ColumnType, Table, View } from '../../postgres/catalog.ts'

const oids: Readonly<Record<string, number>> = {
  uuid: 2950,
  int4: 23,
  text: 25,
  timestamptz: 1184,
  numeric: 1700,
  json: 114,
}
const names: Readonly<Record<string, string>> = { int4: 'integer', timestamptz: 'timestamp with time zone' }

function column(definition: string): Column {
  const [name, base] = definition.split(' ') as [string, string]
  const typeName = names[base] ?? base
  const type: ColumnType = {
    oid: oids[base]!,
    name: typeName,
    nameWithModifier: typeName,
    modifier: -1,
    kind: 'base',
    base,
    hasExactEquality: true,
  }
  return { name, type, isNullable: true }
}

export function sampleTable(
  relation: string,
  columns: readonly string[],
  key: readonly string[],
  indexed: readonly string[] = [],
): Table {
  return {
    name: `public.${relation}`,
    schema: 'public',
    relation,
    kind: 'table',
    columns: columns.map(column),
    primaryKey: key,
    foreignKeys: [],
    uniqueKeys: [],
    checks: [],
    indexedColumns: indexed,
    hasTriggers: false,
    hasRowSecurity: false,
  }
}

/** A catalog written by hand, for tests that need no server. */
export function sampleCatalog(tables: readonly Table[], views: readonly View[] = []): Catalog {
  return {
    version: '1',
    readAtMs: 0,
    serverVersion: 150000,
    searchPath: ['public'],
    tables: new Map(tables.map((table) => [table.name, table])),
    views: new Map(views.map((view) => [view.name, view])),
    userFunctions: new Set(['my_total']),
  }
}

export const runTable = sampleTable(
  'run',
  ['id uuid', 'unit_id int4', 'status text', 'started timestamptz', 'doc json'],
  ['id'],
  ['id', 'unit_id', 'status'],
)
export const unitTable = sampleTable('unit', ['id int4', 'name text'], ['id'], ['id'])
export const pieceTable = sampleTable(
  'piece',
  ['run_id uuid', 'no int4', 'kind text'],
  ['run_id', 'no'],
  ['run_id'],
)
