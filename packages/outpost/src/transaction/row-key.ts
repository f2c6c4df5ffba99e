import type { ColumnType, Table } from '../postgres/catalog.ts'
import type { TextRow, TextValue } from './operation.ts'

/** Types whose canonical text is the same for two values exactly when PostgreSQL calls them equal. */
const exact: ReadonlySet<string> = new Set([
  'int2',
  'int4',
  'int8',
  'oid',
  'bool',
  'text',
  'varchar',
  'bpchar',
  'name',
  'uuid',
  'date',
  'timestamp',
  'timestamptz',
  'time',
  'bytea',
  'bit',
  'varbit',
  'inet',
  'cidr',
  'macaddr',
  'macaddr8',
])

/** Whether equal values of the type have equal key texts: false where only PostgreSQL can compare (intervals, JSON, collations). */
export function hasKeyText(type: ColumnType): boolean {
  if (type.kind === 'enum') return true
  if (type.kind !== 'base' || !type.hasExactEquality) return false
  return exact.has(type.base) || type.base === 'numeric' || type.base === 'float4' || type.base === 'float8'
}

/** A canonical text as keys carry it: the scale of a numeric and the sign of zero do not distinguish values. */
function keyText(text: string, type: ColumnType): string {
  if (type.base === 'numeric' && type.kind === 'base')
    return text.includes('.') ? text.replace(/\.?0+$/, '') : text
  return text === '-0' && (type.base === 'float8' || type.base === 'float4') ? '0' : text
}

/** One string for some values: joined by `|`, which is escaped inside them; null is `\N`, which no value can spell. */
export function joinKey(values: readonly TextValue[]): string {
  if (values.length === 1) return escapePart(values[0]!)
  return values.map(escapePart).join('|')
}

function escapePart(value: TextValue): string {
  if (value === null) return '\\N'
  return value.includes('|') || value.includes('\\') ? value.replace(/[|\\]/g, '\\$&') : value
}

/** Names one row: `pk|public.t|<primary key>`. Undefined when a column of the key is missing from `key`. */
export function rowKey(table: Table, key: TextRow): string | undefined {
  const values = keyValues(table, table.primaryKey, key)
  return values === undefined ? undefined : `pk|${table.name}|${joinKey(values)}`
}

/** Key texts of these columns, or undefined when the row does not know them all. */
export function keyValues(
  table: Table,
  columns: readonly string[],
  row: TextRow,
): readonly TextValue[] | undefined {
  const values: TextValue[] = []
  for (const name of columns) {
    if (!Object.hasOwn(row, name)) return undefined
    const text = row[name] ?? null
    values.push(text === null ? null : keyText(text, columnType(table, name)))
  }
  return values
}

function columnType(table: Table, name: string): ColumnType {
  const column = table.columns.find((candidate) => candidate.name === name)
  if (column === undefined) throw new TypeError(`The catalog's ${table.name} has no column ${name}.`)
  return column.type
}
