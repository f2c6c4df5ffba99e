import type { Cursor } from './cursor.ts'
import type { Comparison, Filter, ListQuery, Sort } from './list-query.ts'
import type { Resource } from './resource.ts'

export interface Statement {
  readonly text: string
  readonly values: readonly string[]
}

/** Output column that carries the exact text of the sort value, for the cursor. */
export const sortTextColumn = '_sort_text'

const operators: Readonly<Record<Exclude<Comparison, 'in'>, string>> = {
  eq: '=',
  gte: '>=',
  lte: '<=',
  gt: '>',
  lt: '<',
}

/** Quotes a name of the resource's own list; nothing from outside is ever an identifier. */
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

/**
 * The page after a row, or the first: a row more than the limit, to know whether there is a next one. Order is the sort column with
 * PostgreSQL's own place for nulls (last ascending, first descending, as in an index), then id in the same direction.
 */
export function pageSql(resource: Resource, query: ListQuery, after?: Cursor): Statement {
  const values: string[] = []
  const columns = Object.keys(resource.columns).map(quoted)
  const sort = quoted(query.sort.column)
  const direction = query.sort.isDescending ? 'DESC' : 'ASC'
  const conditions = [
    ...filterConditions(query.filters, values),
    ...(after === undefined ? [] : [afterCondition(resource, query.sort, after, values)]),
  ]
  const order = query.sort.column === 'id' ? `"id" ${direction}` : `${sort} ${direction}, "id" ${direction}`
  const text =
    `SELECT ${columns.join(', ')}, ${sort}::text AS ${quoted(sortTextColumn)} FROM ${resource.table}` +
    `${whereOf(conditions)} ORDER BY ${order} LIMIT ${query.limit + 1}`
  return { text, values }
}

/** How many rows match the filters, whatever the page. */
export function countSql(resource: Resource, query: ListQuery): Statement {
  const values: string[] = []
  const conditions = filterConditions(query.filters, values)
  return { text: `SELECT count(*)::text AS total FROM ${resource.table}${whereOf(conditions)}`, values }
}

function whereOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
}

function filterConditions(filters: readonly Filter[], values: string[]): string[] {
  return filters.map(({ column, comparison, values: given }) => {
    const bound = given.map((value) => bind(values, value))
    if (comparison === 'in') return `${quoted(column)} IN (${bound.join(', ')})`
    return `${quoted(column)} ${operators[comparison]} ${bound[0]}`
  })
}

/** Everything after the cursor's row, nulls included where the order puts them behind it. */
function afterCondition(resource: Resource, sort: Sort, { value, id }: Cursor, values: string[]): string {
  const operator = sort.isDescending ? '<' : '>'
  if (sort.column === 'id') return `"id" ${operator} ${bind(values, id)}`
  const column = quoted(sort.column)
  if (value === null) {
    const rest = `(${column} IS NULL AND "id" ${operator} ${bind(values, id)})`
    return sort.isDescending ? `(${rest} OR ${column} IS NOT NULL)` : rest
  }
  const after = `(${column}, "id") ${operator} (${bind(values, value)}, ${bind(values, id)})`
  const nullsFollow = !sort.isDescending && resource.nullable.includes(sort.column)
  return nullsFollow ? `(${after} OR ${column} IS NULL)` : after
}

function bind(values: string[], value: string): string {
  values.push(value)
  return `$${values.length}`
}
