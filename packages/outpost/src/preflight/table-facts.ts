import { shapeOf } from '../overlay/encode/table-shape.ts'
import type {
  Catalog,
  CheckConstraint,
  Column,
  ForeignKey,
  KeyMatch,
  Table,
  TableName,
} from '../postgres/catalog.ts'
import { quoteIdent } from '../postgres/quote.ts'
import { hasKeyText } from '../transaction/row-key.ts'
import { rootTable } from '../transaction/table-plan.ts'
import { type LocalCheck, localCheck } from './local-check.ts'

/** A primary or unique key as rows can be looked up by it. */
export interface KeyFacts {
  readonly name: string
  /** All columns that decide what conflicts. */
  readonly columns: readonly string[]
  readonly nullsNotDistinct: boolean
  /** Equal values have one text, so that what was found is told apart here. */
  readonly isExact: boolean
  readonly match?: KeyMatch
}

export interface ReferenceFacts {
  readonly key: ForeignKey
  readonly target: Table
  /** Equal values have one text on both sides, also as read. */
  readonly isExact: boolean
  /** Equal values have one text on both sides in the journal: rows of one transaction can be compared. */
  readonly isComparable: boolean
}

/** A foreign key of another table that forbids to take a row away. */
export interface IncomingFacts {
  readonly key: ForeignKey
  readonly from: Table
}

export interface CheckFacts {
  readonly name: string
  readonly columns: readonly string[]
  /** SQL over the columns' own names. */
  readonly sql: string
  /** Judges it without a database; absent where only PostgreSQL can. */
  readonly judge?: LocalCheck
}

/** What can be looked at before a write of this table, worked out once per catalog. */
export interface TableFacts {
  /** The root of a partition tree. */
  readonly table: Table
  /** What main makes of a row is not known here (triggers, rules), or its rows cannot be looked at (row security, INHERITS). */
  readonly isOpaque: boolean
  /** Equal primary keys have one text in the journal. */
  readonly isComparable: boolean
  /** The primary key's text names a row, also one that was read. */
  readonly isNamed: boolean
  readonly keys: readonly KeyFacts[]
  readonly references: readonly ReferenceFacts[]
  readonly incoming: readonly IncomingFacts[]
  /** Columns that foreign keys refer to. */
  readonly referenced: readonly string[]
  readonly checks: readonly CheckFacts[]
  /** Tables of which a delete or a changed key reaches this one's rows, through however many. */
  readonly cascadesFrom: readonly TableName[]
}

const factsByCatalog = new WeakMap<Catalog, Map<TableName, TableFacts>>()

/** The facts of the table that an operation names; undefined for one that the catalog does not know. */
export function tableFacts(catalog: Catalog, name: TableName): TableFacts | undefined {
  const known = factsByCatalog.get(catalog) ?? new Map<TableName, TableFacts>()
  factsByCatalog.set(catalog, known)
  const table = catalog.tables.get(name)
  if (!table) return undefined
  const facts = known.get(name) ?? factsOf(catalog, table)
  known.set(name, facts)
  return facts
}

const triggeredByCatalog = new WeakMap<Catalog, readonly TableName[]>()

/** Tables of which a write may write anything else. */
export function triggeredTables(catalog: Catalog): readonly TableName[] {
  const known =
    triggeredByCatalog.get(catalog) ??
    [...catalog.tables.values()].filter(({ hasTriggers }) => hasTriggers).map(({ name }) => name)
  triggeredByCatalog.set(catalog, known)
  return known
}

function factsOf(catalog: Catalog, written: Table): TableFacts {
  const table = rootTable(catalog, written)
  const tables = [...catalog.tables.values()]
  return {
    table,
    isOpaque:
      [written, table].some(({ hasTriggers, hasRowSecurity }) => hasTriggers || hasRowSecurity) ||
      isInherited(catalog, table),
    isComparable: table.primaryKey.every((name) => hasKeyText(columnOf(table, name).type)),
    isNamed: isExact(table, table.primaryKey),
    keys: keysOf(table),
    references: table.foreignKeys.flatMap((key) => referenceOf(catalog, table, key) ?? []),
    incoming: tables.flatMap((from) => incomingOf(from, table)),
    referenced: tables.flatMap(({ foreignKeys }) =>
      foreignKeys.flatMap((key) => (key.references === table.name ? key.referencedColumns : [])),
    ),
    checks: [...table.checks.flatMap((check) => checkOf(table, check) ?? []), ...domainChecks(table)],
    cascadesFrom: cascadesFrom(catalog, table),
  }
}

/** A read of it shows rows of other tables too, which its keys do not bind. */
const isInherited = (catalog: Catalog, { name }: Table): boolean =>
  [...catalog.tables.values()].some(({ inherits }) => inherits?.includes(name))

export function columnOf(table: Table, name: string): Column {
  const column = table.columns.find((candidate) => candidate.name === name)
  if (column === undefined) throw new TypeError(`The catalog's ${table.name} has no column ${name}.`)
  return column
}

function isExact(table: Table, columns: readonly string[]): boolean {
  const { byName } = shapeOf(table)
  return columns.every((name) => byName.get(name)?.hasExactText)
}

/** A generated column's value is made on main. */
const isKnowable = (table: Table, columns: readonly string[]): boolean =>
  columns.every((name) => columnOf(table, name).generatedSql === undefined)

function keysOf(table: Table): readonly KeyFacts[] {
  const primary = {
    name: table.primaryKeyName ?? 'primary key',
    columns: table.primaryKey,
    nullsNotDistinct: false,
  }
  const unique = table.uniqueKeys.flatMap(({ name, columns, nullsNotDistinct, hasOwnEquality, match }) => {
    const read = columns ?? match?.columns
    if (read === undefined || hasOwnEquality) return []
    return { name, columns: read, nullsNotDistinct, ...(columns ? {} : { match }) }
  })
  return [...(table.primaryKey.length > 0 ? [primary] : []), ...unique]
    .filter(({ columns }) => isKnowable(table, columns))
    .map((key) => ({
      ...key,
      isExact: !('match' in key && key.match) && isExact(table, key.columns),
    })) as KeyFacts[]
}

const integers: ReadonlySet<string> = new Set(['int2', 'int4', 'int8'])
const texts: ReadonlySet<string> = new Set(['text', 'varchar'])

/** Undefined where the two sides are compared in a way that is not told here. */
function referenceOf(catalog: Catalog, table: Table, key: ForeignKey): ReferenceFacts | undefined {
  const found = catalog.tables.get(key.references)
  if (!found || !isKnowable(table, key.columns)) return undefined
  const target = rootTable(catalog, found)
  if (target !== found || target.hasRowSecurity || isInherited(catalog, target)) return undefined
  const pairs = key.columns.map((name, index) => {
    const left = columnOf(table, name).type
    const right = columnOf(target, key.referencedColumns[index]!).type
    return [left, right] as const
  })
  const isSame = pairs.every(([left, right]) => {
    if (left.kind !== right.kind) return false
    const [a, b] = [left.baseName ?? left.name, right.baseName ?? right.name]
    return a === b || [integers, texts].some((group) => group.has(left.base) && group.has(right.base))
  })
  if (!isSame) return undefined
  const bothExact = isExact(table, key.columns) && isExact(target, key.referencedColumns)
  const isComparable = pairs.every(
    ([left, right]) =>
      left.nameWithModifier === right.nameWithModifier && hasKeyText(left) && hasKeyText(right),
  )
  return { key, target, isExact: bothExact, isComparable: bothExact || isComparable }
}

function incomingOf(from: Table, table: Table): readonly IncomingFacts[] {
  if (from.parent !== undefined || from.hasRowSecurity) return []
  return from.foreignKeys
    .filter(
      ({ references, onDelete }) =>
        references === table.name && (onDelete === 'no_action' || onDelete === 'restrict'),
    )
    .filter(({ columns, referencedColumns }) => isExact(from, columns) && isExact(table, referencedColumns))
    .map((key) => ({ key, from }))
}

function checkOf(table: Table, check: CheckConstraint): CheckFacts | undefined {
  const { name, expression, columns } = check
  if (expression === undefined || columns === undefined || !isKnowable(table, columns)) return undefined
  const judge = localCheck(table, expression)
  return { name, columns, sql: expression, ...(judge && { judge }) }
}

function domainChecks(table: Table): readonly CheckFacts[] {
  return table.columns.flatMap((column) => {
    if (column.generatedSql !== undefined) return []
    return (column.type.domainChecks ?? []).flatMap(({ name, expression }) =>
      expression === undefined ? [] : { name, columns: [column.name], sql: ofDomain(column, expression) },
    )
  })
}

function ofDomain({ name }: Column, expression: string): string {
  return `(SELECT ${expression} FROM (SELECT ${quoteIdent(name)} AS value) AS of_domain)`
}

function cascadesFrom(catalog: Catalog, table: Table): readonly TableName[] {
  const found = new Set<TableName>()
  const visit = (current: Table): void => {
    for (const { references, onDelete, onUpdate } of current.foreignKeys) {
      const isPassive = [onDelete, onUpdate].every(
        (action) => action === 'no_action' || action === 'restrict',
      )
      const parent = catalog.tables.get(references)
      if (isPassive || found.has(references)) continue
      found.add(references)
      if (parent) visit(parent)
    }
  }
  visit(table)
  return [...found]
}
