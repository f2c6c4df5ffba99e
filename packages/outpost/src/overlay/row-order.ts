import type { ColumnShape, TableShape } from './encode/table-shape.ts'
import type { FirstRows } from './prune.ts'
import { columnRefOf, isNode, listOf, nodeOf } from './sql/ast.ts'
import type { TableUse } from './sql/statement.ts'

/** The first column of ORDER BY, and where the LIMIT comes from. */
export interface RowOrder {
  readonly column: ColumnShape
  readonly isDescending: boolean
  readonly nullsFirst: boolean
  readonly limit: { readonly constant: number } | { readonly parameter: number }
}

/** Types whose order is that of their encoded bytes read as a number. */
const orderedBases: ReadonlySet<string> = new Set([
  'int2',
  'int4',
  'int8',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
  'bool',
])

/** The order of a page of one table's rows, where it begins with a column whose order is known here. Pure. */
export function rowOrder(use: TableUse, shape: TableShape): RowOrder | undefined {
  const { sortClause, limitCount, targetList } = use.scope.select
  const limit = limitOf(limitCount)
  const sort = nodeOf(listOf(sortClause)[0], 'SortBy')
  const fields = columnRefOf(sort?.node)
  if (!limit || !sort || !fields || sort.sortby_dir === 'SORTBY_USING') return undefined
  const column = shape.byName.get(fields.at(-1)!)
  if (!column || !isOrdered(column) || (fields.length === 1 && isOtherOutput(targetList, column)))
    return undefined
  const isDescending = sort.sortby_dir === 'SORTBY_DESC'
  const nullsFirst =
    sort.sortby_nulls === 'SORTBY_NULLS_DEFAULT' ? isDescending : sort.sortby_nulls === 'SORTBY_NULLS_FIRST'
  return { column, isDescending, nullsFirst, limit }
}

/** The order with its LIMIT's value; undefined where that is not a plain number. Pure. */
export function firstRows(order: RowOrder | undefined, values: readonly unknown[]): FirstRows | undefined {
  if (!order) return undefined
  const { limit, column, isDescending, nullsFirst } = order
  const count = 'constant' in limit ? limit.constant : values[limit.parameter - 1]
  const isCount = typeof count === 'number' && Number.isSafeInteger(count) && count >= 0
  return isCount ? { column, isDescending, nullsFirst, count } : undefined
}

function isOrdered(column: ColumnShape): boolean {
  const { type } = column.column
  return !column.isGenerated && type.kind === 'base' && orderedBases.has(type.base)
}

/** A bare name in ORDER BY means the output column of that name, if there is one. */
function isOtherOutput(targetList: unknown, column: ColumnShape): boolean {
  return listOf(targetList).some((entry) => {
    const target = nodeOf(entry, 'ResTarget')
    return target?.name === column.column.name && columnRefOf(target.val)?.at(-1) !== column.column.name
  })
}

function limitOf(node: unknown): RowOrder['limit'] | undefined {
  const constant = nodeOf(node, 'A_Const')?.ival
  if (isNode(constant)) return { constant: Number(constant.ival ?? 0) }
  const parameter = nodeOf(node, 'ParamRef')?.number
  return typeof parameter === 'number' ? { parameter } : undefined
}

/**
 * A number that never goes down where the value goes up, from its encoded bytes: enough to find a superset of the
 * first rows, since equal numbers are kept together.
 */
export function orderNumber(column: ColumnShape, bytes: Buffer, start: number, length: number): number {
  if (column.column.type.base === 'uuid') return bytes.readUIntBE(start, 6)
  switch (length) {
    case 1:
      return bytes[start]!
    case 2:
      return bytes.readInt16BE(start)
    case 4:
      return bytes.readInt32BE(start)
    default:
      return bytes.readInt32BE(start) * 4_294_967_296 + bytes.readUInt32BE(start + 4)
  }
}
