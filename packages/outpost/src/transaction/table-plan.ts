import type { Catalog, Column, ConflictPolicy, Table } from '../postgres/catalog.ts'
import { type EdgeDefault, edgeDefault } from './edge-default.ts'

/** What writing a table needs of its catalog entry, worked out once per catalog. */
export interface TablePlan {
  readonly table: Table
  readonly columns: readonly ColumnPlan[]
  readonly byName: ReadonlyMap<string, ColumnPlan>
  readonly keyColumns: ReadonlySet<string>
}

export interface ColumnPlan {
  readonly column: Column
  readonly isKey: boolean
  readonly default: EdgeDefault | undefined
}

const plans = new WeakMap<Table, TablePlan>()

export function tablePlan(table: Table): TablePlan {
  const known = plans.get(table)
  if (known !== undefined) return known
  const keyColumns = new Set(table.primaryKey)
  const columns = table.columns.map((column) => ({
    column,
    isKey: keyColumns.has(column.name),
    default: edgeDefault(column, keyColumns.has(column.name)),
  }))
  const plan = {
    table,
    columns,
    byName: new Map(columns.map((entry) => [entry.column.name, entry])),
    keyColumns,
  }
  plans.set(table, plan)
  return plan
}

/** The topmost partitioned parent, or the table itself: one row has one name, whichever partition was written to. */
export function rootTable(catalog: Catalog, table: Table): Table {
  let current = table
  for (let depth = 0; depth < 32 && current.parent !== undefined; depth++) {
    const parent = catalog.tables.get(current.parent)
    if (parent === undefined) return current
    current = parent
  }
  return current
}

/** What main has declared for changes of this table's rows; undefined where columns are simply merged. */
export function policyOf(catalog: Catalog, table: Table): ConflictPolicy | undefined {
  return catalog.policies?.get(rootTable(catalog, table).name)
}
