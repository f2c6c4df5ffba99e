import type { Catalog, TableName } from '../postgres/catalog.ts'
import { type RefusalCode, refuse } from './refusals.ts'
import type { ReadPlan, TouchedTable } from './sql/read-plan.ts'
import type { ColumnUse } from './sql/statement.ts'

const systemColumns: ReadonlySet<string> = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'])

/** Functions of PostgreSQL and its extensions that read tables or run queries given as text. */
const readersByName =
  /^(?:query_to_xml.*|table_to_xml.*|cursor_to_xml.*|schema_to_xml.*|database_to_xml.*|dblink.*|ts_stat|crosstab.*|connectby|xpath_table)$/

/**
 * Refuses what would bypass the pending rows. A statement over tables without any goes out whatever it does, except
 * that functions of the database are refused while anything at all is pending.
 */
export function refuseBypass(
  plan: ReadPlan,
  isPending: (table: TableName) => boolean,
  anyPending: boolean,
): void {
  if (!anyPending) return
  if (plan.bypass) throw refuse(plan.bypass.code, plan.bypass.subject)
  const hasPending = [...plan.touched.values()].filter((touched) => isPending(touched.table.name))
  for (const touched of hasPending) refuseTable(touched)
  for (const { table } of plan.touched.values()) {
    const parent = pendingParent(plan.catalog, table.name, isPending)
    if (parent !== undefined) throw refuse('partition', table.name)
  }
  if (hasPending.length > 0 && plan.systemColumn !== undefined)
    throw refuse('system_column', plan.systemColumn)
}

/** What in a statement is refused while anything is pending, whatever the tables. Pure. */
export function bypassOf(
  functions: Iterable<string>,
  userFunctions: ReadonlySet<string>,
): { readonly code: RefusalCode; readonly subject: string } | undefined {
  for (const name of functions) {
    if (userFunctions.has(name)) return { code: 'user_function', subject: `${name}()` }
    if (readersByName.test(name)) return { code: 'reads_by_name', subject: `${name}()` }
  }
  return undefined
}

/** The first system column that is named. Pure. */
export const systemColumnOf = (columns: readonly ColumnUse[]): string | undefined =>
  columns.find(({ fields }) => systemColumns.has(fields.at(-1)!))?.fields.join('.')

function refuseTable({ table, isSampled, isMaterialized }: TouchedTable): void {
  if (table.primaryKey.length === 0) throw refuse('no_primary_key', table.name)
  if (table.hasRowSecurity) throw refuse('row_security', table.name)
  if (isMaterialized) throw refuse('materialized_view', table.name)
  if (isSampled) throw refuse('tablesample', table.name)
}

function pendingParent(
  catalog: Catalog,
  name: TableName,
  isPending: (table: TableName) => boolean,
): TableName | undefined {
  for (let parent = catalog.tables.get(name)?.parent; parent; parent = catalog.tables.get(parent)?.parent) {
    if (isPending(parent)) return parent
  }
  return undefined
}
