import type { Cursor } from './cursor.ts'
import type { Comparison, Filter, ListQuery, Sort } from './list-query.ts'
import type { Resource } from './resource.ts'

export interface Statement {
  readonly text: string
  readonly values: readonly string[]
}

/** Output column that carries the exact text of the sort value, for the cursor. */
export const sortTextColumn = '_sort_text'

/** Output column of a counted page: how many rows match, as text. */
export const totalColumn = '_total'

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
  const filters = filterConditions(query.filters, values)
  return { text: pageText(resource, query, filters, after, values), values }
}

/**
 * The same page, each row with how many rows match the filters, before the cursor and behind the page too. One statement, so that
 * both come from one snapshot and the same pending rows (P6). An empty page is one row of nulls with the total.
 */
export function countedPageSql(resource: Resource, query: ListQuery, after?: Cursor): Statement {
  const values: string[] = []
  const filters = filterConditions(query.filters, values)
  const page = pageText(resource, query, filters, after, values)
  const columns = [...Object.keys(resource.columns), sortTextColumn].map((name) => `p.${quoted(name)}`)
  const count = `SELECT count(*)::text AS total FROM ${resource.table}${whereOf(filters)}`
  const text =
    `SELECT c.total AS ${quoted(totalColumn)}, ${columns.join(', ')}` +
    ` FROM (${count}) AS c LEFT JOIN (${page}) AS p ON true ORDER BY ${orderOf(query.sort, 'p.')}`
  return { text, values }
}

function pageText(
  resource: Resource,
  { sort, limit }: ListQuery,
  filters: readonly string[],
  after: Cursor | undefined,
  values: string[],
): string {
  const columns = Object.keys(resource.columns).map(quoted)
  const conditions =
    after === undefined ? filters : [...filters, afterCondition(resource, sort, after, values)]
  return (
    `SELECT ${columns.join(', ')}, ${quoted(sort.column)}::text AS ${quoted(sortTextColumn)} FROM ${resource.table}` +
    `${whereOf(conditions)} ORDER BY ${orderOf(sort)} LIMIT ${limit + 1}`
  )
}

function orderOf({ column, isDescending }: Sort, of = ''): string {
  const direction = isDescending ? 'DESC' : 'ASC'
  const columns = column === 'id' ? ['id'] : [column, 'id']
  return columns.map((name) => `${of}${quoted(name)} ${direction}`).join(', ')
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
