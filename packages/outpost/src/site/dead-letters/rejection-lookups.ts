import type { TransactionStatus } from '../../journal/journal.ts'
import type { Catalog, Column, ForeignKey, Table, TableName } from '../../postgres/catalog.ts'
import type { Operation, TextRow, TextValue } from '../../transaction/operation.ts'
import type { MainRow } from './dead-letters-api.ts'

/** Rows of one table to look for on main, by the values of some columns. */
export interface Lookup {
  readonly why: MainRow['why']
  readonly table: TableName
  readonly constraint?: string
  readonly columns: readonly Column[]
  readonly keys: readonly (readonly TextValue[])[]
  /** Which are worth showing: of many that were looked for only some have to do with the rejection. */
  readonly wants: 'present' | 'absent' | 'both'
}

/** Keys looked for at once; a bulk write has thousands, and the first clash is what an operator needs. */
const maximumKeys = 10_000

/**
 * Pure: what to look for on main to understand a rejection: who has the unique value, which referenced row is missing or
 * which row still refers, and the rows that were to be changed.
 */
export function rejectionLookups(
  operations: readonly Operation[],
  { sqlstate, constraint }: Pick<TransactionStatus, 'sqlstate' | 'constraint'>,
  catalog: Catalog,
): readonly Lookup[] {
  const lookups: Lookup[] = []
  const tables = new Set(operations.map(({ table }) => table))
  for (const name of tables) {
    const table = catalog.tables.get(name)
    if (table === undefined) continue
    const own = operations.filter((operation) => operation.table === name)
    if (sqlstate === '23505') lookups.push(...uniqueLookups(table, own, constraint))
    if (sqlstate === '23503') lookups.push(...referenceLookups(table, own, constraint, catalog))
    lookups.push(...changedLookup(table, own))
  }
  return lookups.filter(({ keys }) => keys.length > 0)
}

function uniqueLookups(
  table: Table,
  operations: readonly Operation[],
  constraint: string | undefined,
): readonly Lookup[] {
  const named = table.uniqueKeys.find(({ name }) => name === constraint)
  // The catalog does not name primary keys: what is none of the other keys is the primary one.
  const columns = named ? named.columns : table.primaryKey
  if (columns === undefined || columns.length === 0) return []
  const keys = operations.flatMap((operation) => keyIn(written(operation), columns))
  return [lookup('unique', table, columns, keys, 'present', constraint)]
}

function referenceLookups(
  table: Table,
  operations: readonly Operation[],
  constraint: string | undefined,
  catalog: Catalog,
): readonly Lookup[] {
  const own = table.foreignKeys.find(({ name }) => name === constraint)
  const target = own && catalog.tables.get(own.references)
  if (own && target) {
    const keys = operations.flatMap((operation) => keyIn(written(operation), own.columns))
    return [lookup('referenced', target, own.referencedColumns, keys, 'absent', constraint)]
  }
  return [...catalog.tables.values()].flatMap((referring) =>
    referring.foreignKeys
      .filter(({ name, references }) => name === constraint && references === table.name)
      .map((foreignKey) => referringLookup(referring, foreignKey, operations)),
  )
}

function referringLookup(
  referring: Table,
  { name, columns, referencedColumns }: ForeignKey,
  operations: readonly Operation[],
): Lookup {
  const keys = operations.flatMap((operation) =>
    operation.kind === 'insert' ? [] : keyIn(operation.key, referencedColumns),
  )
  return lookup('referring', referring, columns, keys, 'present', name)
}

function changedLookup(table: Table, operations: readonly Operation[]): readonly Lookup[] {
  const keys = operations.flatMap((operation) =>
    operation.kind === 'insert' ? [] : keyIn(operation.key, table.primaryKey),
  )
  return keys.length === 0 ? [] : [lookup('changed', table, table.primaryKey, keys, 'both', undefined)]
}

/** The row as far as the operation knows it afterwards. */
function written(operation: Operation): TextRow {
  switch (operation.kind) {
    case 'insert':
      return operation.row
    case 'update':
      return { ...operation.key, ...operation.set }
    case 'delete':
      return {}
  }
}

/** The values of these columns, where the row knows them all and none is null: a null equals nothing. */
function keyIn(row: TextRow, columns: readonly string[]): readonly (readonly TextValue[])[] {
  const values = columns.map((name) => row[name])
  return values.every((value) => value !== undefined && value !== null) ? [values as TextValue[]] : []
}

function lookup(
  why: Lookup['why'],
  table: Table,
  names: readonly string[],
  keys: readonly (readonly TextValue[])[],
  wants: Lookup['wants'],
  constraint: string | undefined,
): Lookup {
  const columns = names.flatMap((name) => table.columns.find((column) => column.name === name) ?? [])
  const isKnown = columns.length === names.length
  return {
    why,
    table: table.name,
    columns,
    keys: isKnown ? keys.slice(0, maximumKeys) : [],
    wants,
    ...(constraint !== undefined && { constraint }),
  }
}
