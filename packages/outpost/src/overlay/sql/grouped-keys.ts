import type { Table } from '../../postgres/catalog.ts'
import { quoteIdent } from '../../postgres/quote.ts'
import { refuse } from '../refusals.ts'
import { columnRefOf, isNode, listOf, locationOf, nodeOf, walk } from './ast.ts'
import type { Splice } from './splice.ts'
import type { ColumnUse, SelectScope, Statement, TableUse } from './statement.ts'

const withoutEquality: ReadonlySet<string> = new Set([
  'json',
  'xml',
  'point',
  'polygon',
  'path',
  'box',
  'circle',
  'line',
  'lseg',
])

/**
 * `GROUP BY t.id` lets PostgreSQL show every column of `t`, because the primary key determines them; of a shadowed
 * table it does not know that. The columns that are shown are added to the GROUP BY, which groups nothing finer.
 */
export function groupedKeySplices(
  statement: Statement,
  scope: SelectScope,
  isShadowed: (use: TableUse) => boolean,
): readonly Splice[] {
  const items = groupedColumns(scope)
  if (items.length === 0) return []
  const added: string[] = []
  for (const use of scope.uses) {
    if (use.target?.kind !== 'table' || !isShadowed(use)) continue
    added.push(...missingColumns(statement, scope, use, use.target.table, items))
  }
  if (added.length === 0) return []
  const at = groupByEnd(statement, scope)
  return at === undefined ? [] : [{ start: at, end: at, text: ` ${added.join(', ')},` }]
}

/** Plain columns of the GROUP BY; a number stands for that column of the select list. */
function groupedColumns(scope: SelectScope): readonly (readonly string[])[] {
  const targets = listOf(scope.select.targetList)
  return listOf(scope.select.groupClause).flatMap((item) => {
    const direct = columnRefOf(item)
    if (direct) return [direct]
    const constant = nodeOf(item, 'A_Const')
    const ordinal = isNode(constant?.ival) ? Number(constant.ival.ival ?? 0) : 0
    const named = ordinal > 0 ? columnRefOf(nodeOf(targets[ordinal - 1], 'ResTarget')?.val) : undefined
    return named ? [named] : []
  })
}

function missingColumns(
  statement: Statement,
  scope: SelectScope,
  use: TableUse,
  table: Table,
  items: readonly (readonly string[])[],
): readonly string[] {
  const name = use.alias ?? use.relation
  const isOf = (fields: readonly string[], column: string): boolean =>
    fields.at(-1) === column && (fields.length === 1 || fields.at(-2) === name)
  const isGrouped = (column: string): boolean => items.some((fields) => isOf(fields, column))
  if (table.primaryKey.length === 0 || !table.primaryKey.every(isGrouped)) return []
  const shown = shownColumns(statement, scope)
  const isShown = (column: string): boolean =>
    shown.some(({ fields }) => isOf(fields, column) || isOf(fields, '*') || fields.at(-1) === name)
  return table.columns
    .filter((column) => isShown(column.name) && !isGrouped(column.name))
    .map((column) => {
      if (withoutEquality.has(column.type.base))
        throw refuse('grouped_without_equality', `${name}.${column.name}`)
      return `${quoteIdent(name)}.${quoteIdent(column.name)}`
    })
}

/** Columns named outside FROM, WHERE and GROUP BY, also inside their subqueries. */
function shownColumns(statement: Statement, scope: SelectScope): readonly ColumnUse[] {
  const { targetList, havingClause, sortClause, windowClause, distinctClause } = scope.select
  const places = new Set<number>()
  walk([targetList, havingClause, sortClause, windowClause, distinctClause], (kind, fields) => {
    if (kind === 'ColumnRef') places.add(locationOf(fields))
    return undefined
  })
  return statement.columns.filter((column) => places.has(column.start))
}

/** Byte after GROUP BY and its quantifier, found backwards from the first item. */
function groupByEnd(statement: Statement, scope: SelectScope): number | undefined {
  const { tokens } = statement
  let first = Number.POSITIVE_INFINITY
  walk(scope.select.groupClause, (_kind, fields) => {
    if (typeof fields.location === 'number' && fields.location >= 0) first = Math.min(first, fields.location)
    return undefined
  })
  if (!Number.isFinite(first)) return undefined
  for (let index = tokens.indexBefore(first); index > 0; index--) {
    if (tokens.tokens[index]!.text !== 'BY' || tokens.tokens[index - 1]!.text !== 'GROUP') continue
    const next = tokens.tokens[index + 1]!
    const isQuantifier = next.text === 'ALL' || next.text === 'DISTINCT'
    return isQuantifier ? next.end : tokens.tokens[index]!.end
  }
  return undefined
}
