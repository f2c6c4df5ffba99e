import type { Column, Table } from '../postgres/catalog.ts'
import { textOf } from '../postgres/column-text.ts'
import { quoteIdent, quoteLiteral } from '../postgres/quote.ts'
import type { TextValue } from '../transaction/operation.ts'
import { type CheckFacts, columnOf, type KeyFacts } from './table-facts.ts'

/** A statement and its values; the text depends on the table and the constraint alone, so that it is prepared once. */
export interface LookStatement {
  readonly text: string
  readonly values: readonly unknown[]
}

/** Casting to this neither cuts off nor checks anything. */
const castOf = ({ type }: Column): string => type.baseName ?? type.name

const asKey = (table: Table): string =>
  table.primaryKey.map((name, index) => `${textOf(columnOf(table, name))} AS k${index + 1}`).join(', ') ||
  `'' AS k1`

/** Distinct values of each column. */
function columnsOf(
  tuples: readonly (readonly TextValue[])[],
  width: number,
): readonly (readonly TextValue[])[] {
  return Array.from({ length: width }, (_, index) => [...new Set(tuples.map((tuple) => tuple[index]!))])
}

/**
 * Rows whose columns have these values, with `k1…` the primary key, `c1…` the columns and `x1…` what is asked for
 * beside; of several columns also other combinations of the values. For types whose equality is that of their texts.
 */
export function selectExact(
  table: Table,
  columns: readonly string[],
  tuples: readonly (readonly TextValue[])[],
  options: { readonly also?: readonly string[]; readonly limit?: number } = {},
): LookStatement {
  const found = columns.map((name, index) => `${textOf(columnOf(table, name))} AS c${index + 1}`)
  const also = (options.also ?? []).map((name, index) => `${textOf(columnOf(table, name))} AS x${index + 1}`)
  const values = columnsOf(tuples, columns.length)
  // One value as itself: then the plan is kept, where an array's length asks for a new one.
  const isSingle = values.every((of) => of.length === 1)
  const conditions = columns.map((name, index) => {
    const cast = castOf(columnOf(table, name))
    return isSingle
      ? `${quoteIdent(name)} = $${index + 1}::${cast}`
      : `${quoteIdent(name)} = ANY ($${index + 1}::${cast}[])`
  })
  const limit = options.limit === undefined ? '' : ` LIMIT ${options.limit}`
  return {
    text: `SELECT ${[asKey(table), ...found, ...also].join(', ')} FROM ${table.name} WHERE ${conditions.join(' AND ')}${limit}`,
    values: isSingle ? values.map((of) => of[0]) : values,
  }
}

/** The rows' values as a set of rows under the columns' own names and types, with `outpost_n` counting from 1. */
function rowsSource(table: Table, columns: readonly string[]): string {
  const casts = columns.map((name, index) => {
    const column = columnOf(table, name)
    const collate = column.collation === undefined ? '' : ` COLLATE ${column.collation}`
    return `w.c${index + 1}::${castOf(column)}${collate} AS ${quoteIdent(name)}`
  })
  const arrays = columns.map((_, index) => `$${index + 1}::text[]`).join(', ')
  const names = columns.map((_, index) => `c${index + 1}`).join(', ')
  return `SELECT w.outpost_n, ${casts.join(', ')} FROM unnest(${arrays}) WITH ORDINALITY AS w (${names}, outpost_n)`
}

const transposed = (
  tuples: readonly (readonly TextValue[])[],
  width: number,
): readonly (readonly TextValue[])[] =>
  Array.from({ length: width }, (_, index) => tuples.map((tuple) => tuple[index] ?? null))

/** Which rows fail which of the checks: `n` from 1 and the first failed check's name as `failed`. */
export function selectFailed(
  table: Table,
  checks: readonly CheckFacts[],
  columns: readonly string[],
  tuples: readonly (readonly TextValue[])[],
): LookStatement {
  const cases = checks.map(({ sql, name }) => `WHEN NOT (${sql}) THEN ${quoteLiteral(name)}`).join(' ')
  return {
    text: `SELECT judged.outpost_n::text AS n, judged.failed FROM (SELECT outpost_n, CASE ${cases} END AS failed FROM (${rowsSource(table, columns)}) AS new_row) AS judged WHERE judged.failed IS NOT NULL`,
    values: transposed(tuples, columns.length),
  }
}

/** Rows of `table` that a key binds to these values, compared by PostgreSQL: `n` from 1 and the primary key as `k1…`. */
export function selectCompared(
  key: Pick<KeyFacts, 'match' | 'nullsNotDistinct'>,
  source: { readonly table: Table; readonly columns: readonly string[] },
  target: { readonly table: Table; readonly columns: readonly string[] },
  tuples: readonly (readonly TextValue[])[],
  also: readonly string[] = [],
): LookStatement {
  const left = key.match?.expressions ?? source.columns.map(quoteIdent)
  const right = key.match?.expressions ?? target.columns.map(quoteIdent)
  const where = key.match?.predicate === undefined ? '' : ` WHERE ${key.match.predicate}`
  const listed = (expressions: readonly string[]): string =>
    expressions.map((sql, index) => `(${sql}) AS outpost_e${index + 1}`).join(', ')
  const operator = key.nullsNotDistinct ? 'IS NOT DISTINCT FROM' : '='
  const conditions = left.map((_, index) => `o.outpost_e${index + 1} ${operator} n.outpost_e${index + 1}`)
  const keys = target.table.primaryKey.map((_, index) => `o.k${index + 1}`).join(', ') || 'o.k1'
  const asked = also.map((name, index) => `${textOf(columnOf(target.table, name))} AS x${index + 1}`)
  const shown = also.map((_, index) => `, o.x${index + 1}`).join('')
  const news = `SELECT outpost_n, ${listed(left)} FROM (${rowsSource(source.table, source.columns)}) AS new_row${where}`
  const others = `SELECT ${[asKey(target.table), listed(right), ...asked].join(', ')} FROM ${target.table.name}${where}`
  return {
    text: `SELECT n.outpost_n::text AS n, ${keys}${shown} FROM (${news}) AS n, (${others}) AS o WHERE ${conditions.join(' AND ')}`,
    values: transposed(tuples, source.columns.length),
  }
}
