import type { Catalog, TableName } from '../postgres/catalog.ts'
import { refuse } from './refusals.ts'
import type { ReadPlan, TouchedTable } from './sql/read-plan.ts'

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
  refuseFunctions(plan)
  const hasPending = [...plan.touched.values()].filter((touched) => isPending(touched.table.name))
  for (const touched of hasPending) refuseTable(touched)
  for (const { table } of plan.touched.values()) {
    const parent = pendingParent(plan.catalog, table.name, isPending)
    if (parent !== undefined) throw refuse('partition', table.name)
  }
  if (hasPending.length === 0) return
  for (const { fields } of plan.statement.columns) {
    if (systemColumns.has(fields.at(-1)!)) throw refuse('system_column', fields.join('.'))
  }
}

function refuseFunctions(plan: ReadPlan): void {
  for (const name of plan.functions) {
    if (plan.catalog.userFunctions.has(name)) throw refuse('user_function', `${name}()`)
    if (readersByName.test(name)) throw refuse('reads_by_name', `${name}()`)
  }
}

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
