import type { Catalog, Column, ForeignKey, Table, TableName } from '../postgres/catalog.ts'
import { rootTable } from '../transaction/table-plan.ts'

/** A reference from one table to columns of another, its column pairs sorted by the referenced column's name. */
interface ReferenceRule {
  readonly columns: readonly string[]
  /** `table|columns` of the referenced side: begins the names of the values that are referenced. */
  readonly target: string
}

/** What the planner needs to know of one table to decide which writes may change places. */
export interface TableRules {
  /** False: writes of this table keep their place and go one transaction at a time. */
  readonly isMergeable: boolean
  readonly primaryKey: readonly string[]
  readonly references: readonly ReferenceRule[]
  /** Column sets that other tables refer to, with the name that {@link ReferenceRule.target} has there. */
  readonly referenced: readonly { readonly columns: readonly string[]; readonly target: string }[]
  /** Columns of the primary key and of keys that cascade: changing one keeps the transaction by itself. */
  readonly identityColumns: ReadonlySet<string>
  /** Columns of unique or referenced keys: changing one frees and takes values, so it keeps its place. */
  readonly keyColumns: ReadonlySet<string>
  /** True where a unique key depends on values that the columns do not show (expression or partial index). */
  readonly hasHiddenKey: boolean
  readonly deletes: 'free' | 'ordered' | 'alone'
  /** Main decides by a policy what becomes of a change: each goes by itself. */
  readonly hasPolicy: boolean
}

/** Types whose equality is the equality of their text, so that a key's text names its row. */
const exactTypes = new Set([
  'int2',
  'int4',
  'int8',
  'oid',
  'uuid',
  'text',
  'varchar',
  'name',
  'bool',
  'date',
  'timestamp',
  'bytea',
  'char',
])

const unmergeable: TableRules = {
  isMergeable: false,
  primaryKey: [],
  references: [],
  referenced: [],
  identityColumns: new Set(),
  keyColumns: new Set(),
  hasHiddenKey: true,
  deletes: 'alone',
  hasPolicy: true,
}

/** Rules of every table that the catalog knows; a table that it does not know is never merged. */
export function tableRules(catalog: Catalog | undefined): (table: TableName) => TableRules {
  if (catalog === undefined) return () => unmergeable
  const incoming = incomingReferences(catalog)
  const cache = new Map<TableName, TableRules>()
  return (name) => {
    const known = cache.get(name)
    if (known !== undefined) return known
    const table = catalog.tables.get(name)
    const rules = table === undefined ? unmergeable : rulesOf(table, catalog, incoming.get(name) ?? [])
    cache.set(name, rules)
    return rules
  }
}

function incomingReferences(catalog: Catalog): ReadonlyMap<TableName, readonly ForeignKey[]> {
  const incoming = new Map<TableName, ForeignKey[]>()
  for (const table of catalog.tables.values()) {
    for (const key of table.foreignKeys) {
      const list = incoming.get(key.references)
      if (list === undefined) incoming.set(key.references, [key])
      else list.push(key)
    }
  }
  return incoming
}

function rulesOf(table: Table, catalog: Catalog, incoming: readonly ForeignKey[]): TableRules {
  const cascades = incoming.filter((key) => isCascading(key.onUpdate))
  const unique = table.uniqueKeys.flatMap((key) => key.columns ?? [])
  const hasKeys = table.foreignKeys.length + incoming.length + table.uniqueKeys.length > 0
  return {
    isMergeable: isMergeable(table, catalog),
    primaryKey: table.primaryKey,
    references: table.foreignKeys.map(referenceRule),
    referenced: distinctTargets(table.name, incoming),
    identityColumns: new Set([...table.primaryKey, ...cascades.flatMap((key) => key.referencedColumns)]),
    keyColumns: new Set([...unique, ...incoming.flatMap((key) => key.referencedColumns)]),
    hasHiddenKey: table.uniqueKeys.some((key) => key.columns === undefined),
    deletes: incoming.some((key) => isCascading(key.onDelete)) ? 'alone' : hasKeys ? 'ordered' : 'free',
    hasPolicy: catalog.policies?.has(rootTable(catalog, table).name) === true,
  }
}

function isMergeable(table: Table, catalog: Catalog): boolean {
  if (table.hasTriggers || table.hasRowSecurity || table.primaryKey.length === 0) return false
  if (table.kind !== 'table' && table.kind !== 'partitioned') return false
  if (!areExact(table, table.primaryKey)) return false
  return table.foreignKeys.every((key) => {
    const target = catalog.tables.get(key.references)
    return target !== undefined && areExact(table, key.columns) && areExact(target, key.referencedColumns)
  })
}

function areExact(table: Table, names: readonly string[]): boolean {
  return names.every((name) => {
    const column = table.columns.find((candidate) => candidate.name === name)
    return column !== undefined && isExact(column)
  })
}

function isExact({ type }: Column): boolean {
  return (
    type.hasExactEquality && (type.kind === 'enum' || (type.kind === 'base' && exactTypes.has(type.base)))
  )
}

function isCascading(action: ForeignKey['onDelete']): boolean {
  return action === 'cascade' || action === 'set_null' || action === 'set_default'
}

function referenceRule(key: ForeignKey): ReferenceRule {
  const pairs = key.columns.map((column, index) => ({
    column,
    referenced: key.referencedColumns[index] ?? '',
  }))
  pairs.sort((a, b) => (a.referenced < b.referenced ? -1 : 1))
  return {
    columns: pairs.map((pair) => pair.column),
    target: targetName(
      key.references,
      pairs.map((pair) => pair.referenced),
    ),
  }
}

function distinctTargets(table: TableName, incoming: readonly ForeignKey[]): TableRules['referenced'] {
  const targets = new Map<string, readonly string[]>()
  for (const key of incoming) {
    const columns = [...key.referencedColumns].sort()
    targets.set(targetName(table, columns), columns)
  }
  return [...targets].map(([target, columns]) => ({ target, columns }))
}

function targetName(table: TableName, columns: readonly string[]): string {
  return `${table}|${columns.join(',')}`
}
