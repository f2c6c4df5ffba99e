import type {
  Catalog,
  CheckConstraint,
  Column,
  ForeignKey,
  KeyMatch,
  Table,
  TableName,
  UniqueKey,
} from './catalog.ts'
import { TypeResolver, type TypeRow, type TypeUse } from './introspect-types.ts'

/** A row of `tablesQuery`. */
export interface TableRow {
  readonly oid: number
  readonly name: TableName
  readonly schema: string
  readonly relation: string
  readonly relkind: string
  readonly isPartition: boolean
  readonly hasRowSecurity: boolean
  readonly hasTriggers: boolean
  readonly parents: readonly TableName[]
}

/** A row of `columnsQuery`. */
export interface ColumnRow extends TypeUse {
  readonly table: number
  readonly name: string
  readonly number: number
  readonly isNotNull: boolean
  readonly identity: string
  readonly generated: string
  readonly expression: string | null
  readonly collation: string | null
}

/** A row of `constraintsQuery`. */
export interface ConstraintRow {
  readonly table: number
  readonly kind: string
  readonly name: string
  readonly sql: string | null
  readonly expression: string | null
  readonly isMatchFull: boolean
  readonly columns: readonly number[] | null
  readonly references: TableName | null
  readonly referencedColumns: readonly string[] | null
  readonly onDelete: string
  readonly onUpdate: string
}

/** A row of `indexesQuery`; a column number of 0 stands for an expression. */
export interface IndexRow {
  readonly table: number
  readonly name: string
  readonly isPrimary: boolean
  readonly isKey: boolean
  readonly isValid: boolean
  readonly isPartial: boolean
  readonly isEquality: boolean
  readonly method: string
  readonly nullsNotDistinct: boolean
  readonly hasOwnEquality: boolean
  readonly expressions: readonly string[] | null
  readonly predicate: string | null
  readonly used: readonly number[] | null
  readonly columns: readonly number[]
}

interface SchemaRows {
  readonly tables: readonly TableRow[]
  readonly columns: readonly ColumnRow[]
  readonly types: readonly TypeRow[]
  readonly constraints: readonly ConstraintRow[]
  readonly indexes: readonly IndexRow[]
}

/** Builds the catalog's tables from the rows of the queries; pure. */
export function assembleTables(rows: SchemaRows): Catalog['tables'] {
  const types = new TypeResolver(rows.types)
  const columnsOf = groupByTable(rows.columns)
  const constraintsOf = groupByTable(rows.constraints)
  const indexesOf = groupByTable(rows.indexes)
  return new Map(
    rows.tables.map((table) => [
      table.name,
      assembleTable(
        table,
        columnsOf.get(table.oid) ?? [],
        constraintsOf.get(table.oid) ?? [],
        indexesOf.get(table.oid) ?? [],
        types,
      ),
    ]),
  )
}

function assembleTable(
  table: TableRow,
  columns: readonly ColumnRow[],
  constraints: readonly ConstraintRow[],
  indexes: readonly IndexRow[],
  types: TypeResolver,
): Table {
  const names = new Map(columns.map((column) => [column.number, column.name]))
  const primary = indexes.find((index) => index.isPrimary)
  return {
    name: table.name,
    schema: table.schema,
    relation: table.relation,
    kind: kindOf(table),
    columns: columns.map((column) => toColumn(column, types)),
    primaryKey: primary === undefined ? [] : (namesOf(primary.columns, names) ?? []),
    ...(primary === undefined ? {} : { primaryKeyName: primary.name }),
    foreignKeys: constraints.filter((c) => c.kind === 'f').map((c) => toForeignKey(c, names)),
    uniqueKeys: indexes
      .filter((index) => index.isKey && !(index.isPrimary && index.isEquality))
      .map((index) => toUniqueKey(index, names, columns)),
    checks: constraints.filter((c) => c.kind === 'c').map((c) => toCheck(c, names)),
    indexedColumns: leadingColumns(indexes, names),
    hasTriggers: table.hasTriggers,
    hasRowSecurity: table.hasRowSecurity,
    ...(table.isPartition && table.parents[0] !== undefined ? { parent: table.parents[0] } : {}),
    ...(!table.isPartition && table.parents.length > 0 ? { inherits: table.parents } : {}),
  }
}

function kindOf(table: TableRow): Table['kind'] {
  if (table.relkind === 'f') return 'foreign'
  if (table.relkind === 'p') return 'partitioned'
  return table.isPartition ? 'partition' : 'table'
}

function toColumn(row: ColumnRow, types: TypeResolver): Column {
  const domain = types.domainFacts(row.type)
  const isGenerated = row.generated !== ''
  const defaultSql = isGenerated || row.identity !== '' ? undefined : (row.expression ?? domain.default)
  return {
    name: row.name,
    type: types.resolve(row),
    isNullable: !row.isNotNull && !domain.isNotNull,
    ...(defaultSql === undefined ? {} : { defaultSql }),
    ...(isGenerated && row.expression !== null ? { generatedSql: row.expression } : {}),
    ...(row.identity === '' ? {} : { identity: row.identity === 'a' ? 'always' : 'by_default' }),
    ...(row.collation === null ? {} : { collation: row.collation }),
  }
}

function toCheck(row: ConstraintRow, names: ReadonlyMap<number, string>): CheckConstraint {
  const columns = namesOf(row.columns ?? [], names)
  return {
    name: row.name,
    sql: row.sql ?? '',
    ...(row.expression === null || columns === undefined ? {} : { expression: row.expression, columns }),
  }
}

function toForeignKey(row: ConstraintRow, names: ReadonlyMap<number, string>): ForeignKey {
  return {
    name: row.name,
    columns: namesOf(row.columns ?? [], names) ?? [],
    references: row.references ?? '',
    referencedColumns: row.referencedColumns ?? [],
    onDelete: actionOf(row.onDelete),
    onUpdate: actionOf(row.onUpdate),
    ...(row.isMatchFull ? { isMatchFull: true } : {}),
  }
}

function toUniqueKey(
  row: IndexRow,
  names: ReadonlyMap<number, string>,
  tableColumns: readonly ColumnRow[],
): UniqueKey {
  const columns = row.isPartial || !row.isEquality ? undefined : namesOf(row.columns, names)
  const match = row.expressions === null ? undefined : toMatch(row, row.expressions, names, tableColumns)
  return {
    name: row.name,
    ...(columns === undefined ? {} : { columns }),
    nullsNotDistinct: row.nullsNotDistinct,
    ...(row.hasOwnEquality || !row.isValid ? { hasOwnEquality: true } : match && { match }),
  }
}

function toMatch(
  row: IndexRow,
  expressions: readonly string[],
  names: ReadonlyMap<number, string>,
  tableColumns: readonly ColumnRow[],
): KeyMatch | undefined {
  const numbers = [...row.columns.filter((number) => number !== 0), ...(row.used ?? [])]
  const columns = namesOf([...new Set(numbers)], names)
  // What an expression makes of such a column's collation, the index may compare by another one.
  const isInexact = tableColumns.some(
    ({ name, hasExactCollation }) => columns?.includes(name) && !hasExactCollation,
  )
  if (columns === undefined || isInexact) return undefined
  return { expressions, columns, ...(row.predicate === null ? {} : { predicate: row.predicate }) }
}

/** Undefined when one of them is an expression. */
function namesOf(
  numbers: readonly number[],
  names: ReadonlyMap<number, string>,
): readonly string[] | undefined {
  const found = numbers.map((number) => names.get(number))
  return found.every((name) => name !== undefined) ? found : undefined
}

/** Only ordered and hash indexes answer equality; a partial one answers it for some values only. */
function leadingColumns(indexes: readonly IndexRow[], names: ReadonlyMap<number, string>): readonly string[] {
  const leading = indexes
    .filter(
      (index) => index.isValid && !index.isPartial && (index.method === 'btree' || index.method === 'hash'),
    )
    .map((index) => names.get(index.columns[0] ?? 0))
  return [...new Set(leading.filter((name) => name !== undefined))].sort()
}

function actionOf(code: string): ForeignKey['onDelete'] {
  switch (code) {
    case 'r':
      return 'restrict'
    case 'c':
      return 'cascade'
    case 'n':
      return 'set_null'
    case 'd':
      return 'set_default'
    default:
      return 'no_action'
  }
}

function groupByTable<Row extends { readonly table: number }>(
  rows: readonly Row[],
): ReadonlyMap<number, readonly Row[]> {
  const groups = new Map<number, Row[]>()
  for (const row of rows) {
    const group = groups.get(row.table)
    if (group === undefined) groups.set(row.table, [row])
    else group.push(row)
  }
  return groups
}
