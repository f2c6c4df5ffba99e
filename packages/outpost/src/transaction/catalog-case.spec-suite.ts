import type { Catalog, Column, ColumnType, ForeignKey, Table, UniqueKey } from '../postgres/catalog.ts'

/** A base type as introspection would read it. */
export function baseType(base: string, more: Partial<ColumnType> = {}): ColumnType {
  return {
    oid: 1,
    name: base,
    nameWithModifier: base,
    modifier: -1,
    kind: 'base',
    base,
    hasExactEquality: true,
    ...more,
  }
}

export function column(name: string, base: string, more: Partial<Column> = {}): Column {
  return { name, type: baseType(base), isNullable: false, ...more }
}

export function foreignKey(
  columns: readonly string[],
  references: string,
  referencedColumns: readonly string[],
): ForeignKey {
  const name = `${columns.join('_')}_fkey`
  return { name, columns, references, referencedColumns, onDelete: 'no_action', onUpdate: 'no_action' }
}

export function uniqueKey(name: string, columns: readonly string[], nullsNotDistinct = false): UniqueKey {
  return { name, columns, nullsNotDistinct }
}

export function table(relation: string, columns: readonly Column[], more: Partial<Table> = {}): Table {
  return {
    name: `public.${relation}`,
    schema: 'public',
    relation,
    kind: 'table',
    columns,
    primaryKey: ['id'],
    foreignKeys: [],
    uniqueKeys: [],
    checks: [],
    indexedColumns: [],
    hasTriggers: false,
    hasRowSecurity: false,
    ...more,
  }
}

export function catalogOf(...tables: readonly Table[]): Catalog {
  return {
    version: 'schema-1',
    readAtMs: 0,
    serverVersion: 150_000,
    searchPath: ['public'],
    tables: new Map(tables.map((entry) => [entry.name, entry])),
    views: new Map(),
    userFunctions: new Set(),
  }
}
