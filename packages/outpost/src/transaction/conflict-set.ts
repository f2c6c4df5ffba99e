import type { Catalog, ForeignKey, Table, TableName, UniqueKey } from '../postgres/catalog.ts'
import { commonKey } from './lane.ts'
import { leavingKey } from './leaving.ts'
import type { Operation, TextRow, TextValue } from './operation.ts'
import { hasKeyText, joinKey, keyValues, rowKey } from './row-key.ts'
import { rootTable } from './table-plan.ts'

/**
 * N10: what a transaction touches. Two transactions are independent when neither writes what the other writes or
 * refers to; one in the common lane keeps its place among all others, because its touch is not fully known.
 *
 * Keys: `pk|<table>|<values>` and `uq|<table>.<constraint>|<values>`, values joined as {@link joinKey} does. One in the
 * common lane refers to `common|pk|<table>` or `common|uq|<table>.<constraint>`, where it may touch anything;
 * one that takes away a key that others may refer to refers to `leaves|<key>`.
 */
export interface ConflictSet {
  readonly writes: readonly string[]
  readonly references: readonly string[]
  readonly isCommonLane: boolean
}

/** An operation with what the caller knows of the row before it. */
export interface KnownOperation {
  readonly operation: Operation
  readonly old?: TextRow
}

/**
 * The conflict set of a list of operations. Old values come from the caller, from the key, and from earlier
 * operations of the same list; where a unique column's old value stays unknown, where triggers or cascades may write
 * more, and where only PostgreSQL can tell whether two values are equal, the transaction goes into the common lane.
 */
export function conflictSet(catalog: Catalog, operations: readonly KnownOperation[]): ConflictSet {
  const collector = new Collector(catalog)
  for (const { operation, old } of operations) collector.add(operation, old)
  return collector.result()
}

interface TableFacts {
  readonly root: Table
  /** Columns that foreign keys of other tables point to. */
  readonly referencedColumns: ReadonlySet<string>
  /** Tables whose rows change or go with a row of this one by a foreign key's action, through others too. */
  readonly cascadesTo: ReadonlySet<TableName>
  /** Fired triggers, or a key whose equality only PostgreSQL knows. */
  readonly isOpaque: boolean
}

const factsByCatalog = new WeakMap<Catalog, Map<TableName, TableFacts>>()

function tableFacts(catalog: Catalog, name: TableName): TableFacts | undefined {
  let facts = factsByCatalog.get(catalog)
  if (facts === undefined) {
    facts = collectFacts(catalog)
    factsByCatalog.set(catalog, facts)
  }
  return facts.get(name)
}

function collectFacts(catalog: Catalog): Map<TableName, TableFacts> {
  const referenced = new Map<TableName, Set<string>>()
  for (const table of catalog.tables.values()) {
    for (const { references, referencedColumns } of table.foreignKeys) {
      const columns = referenced.get(references) ?? new Set()
      for (const column of referencedColumns) columns.add(column)
      referenced.set(references, columns)
    }
  }
  const facts = new Map<TableName, TableFacts>()
  for (const table of catalog.tables.values()) {
    const root = rootTable(catalog, table)
    const hasOpaqueKey = table.primaryKey.some((name) => !isComparable(table, name))
    facts.set(table.name, {
      root,
      referencedColumns: new Set([
        ...(referenced.get(table.name) ?? []),
        ...(referenced.get(root.name) ?? []),
      ]),
      cascadesTo: cascadedFrom(catalog, new Set([table.name, root.name])),
      isOpaque: table.hasTriggers || root.hasTriggers || hasOpaqueKey,
    })
  }
  return facts
}

function cascadedFrom(catalog: Catalog, changed: ReadonlySet<TableName>): ReadonlySet<TableName> {
  const reached = new Set(changed)
  const cascaded = new Set<TableName>()
  // A set is walked to its end, also over what is added meanwhile.
  for (const source of reached) {
    for (const table of catalog.tables.values()) {
      if (!table.foreignKeys.some((key) => key.references === source && hasAction(key))) continue
      reached.add(table.name)
      cascaded.add(rootTable(catalog, table).name)
    }
  }
  return cascaded
}

function hasAction({ onDelete, onUpdate }: ForeignKey): boolean {
  return [onDelete, onUpdate].some((action) => action !== 'no_action' && action !== 'restrict')
}

function isComparable(table: Table, name: string): boolean {
  const column = table.columns.find((candidate) => candidate.name === name)
  return column !== undefined && hasKeyText(column.type)
}

class Collector {
  readonly #catalog: Catalog
  readonly #writes = new Set<string>()
  readonly #references = new Set<string>()
  /** Rows that this transaction has written so far, by row key. */
  readonly #rows = new Map<string, TextRow>()
  #isCommonLane = false

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  result(): ConflictSet {
    for (const key of this.#writes) this.#references.delete(key)
    return { writes: [...this.#writes], references: [...this.#references], isCommonLane: this.#isCommonLane }
  }

  add(operation: Operation, old: TextRow | undefined): void {
    const facts = tableFacts(this.#catalog, operation.table)
    if (facts === undefined) {
      this.#keepPlace(`pk|${operation.table}`)
      return
    }
    if (facts.isOpaque) this.#keepPlace(`pk|${facts.root.name}`)
    switch (operation.kind) {
      case 'insert':
        this.#insert(facts.root, operation.row)
        break
      case 'update':
        this.#update(facts, operation.key, operation.set, old)
        break
      case 'delete':
        this.#delete(facts, operation.key, old)
        break
    }
  }

  #insert(table: Table, row: TextRow): void {
    this.#rows.set(this.#writeRow(table, row), row)
    for (const key of table.uniqueKeys) this.#writeUnique(table, key, row)
    for (const foreignKey of table.foreignKeys) this.#refer(table, foreignKey, row)
  }

  #update(facts: TableFacts, key: TextRow, set: TextRow, old: TextRow | undefined): void {
    const table = facts.root
    const oldKey = this.#writeRow(table, key)
    const before: TextRow = { ...old, ...this.#rows.get(oldKey), ...key }
    const after: TextRow = { ...before, ...set }
    const isTouched = (column: string): boolean => Object.hasOwn(set, column)
    const newKey = this.#writeRow(table, after)
    this.#rows.set(newKey, after)
    if (newKey !== oldKey) this.#leave(facts, table.primaryKey, oldKey)
    if (Object.keys(set).some((column) => facts.referencedColumns.has(column))) this.#cascade(facts)
    for (const unique of table.uniqueKeys) {
      if (unique.columns !== undefined && !unique.columns.some(isTouched)) continue
      const freed = this.#writeUnique(table, unique, before)
      const taken = this.#writeUnique(table, unique, after)
      if (freed !== taken) this.#leave(facts, unique.columns, freed)
    }
    for (const foreignKey of table.foreignKeys) {
      if (foreignKey.columns.some(isTouched)) this.#refer(table, foreignKey, after)
    }
  }

  #delete(facts: TableFacts, key: TextRow, old: TextRow | undefined): void {
    const oldKey = this.#writeRow(facts.root, key)
    this.#leave(facts, facts.root.primaryKey, oldKey)
    const before: TextRow = { ...old, ...this.#rows.get(oldKey), ...key }
    if (facts.referencedColumns.size > 0) this.#cascade(facts)
    for (const unique of facts.root.uniqueKeys)
      this.#leave(facts, unique.columns, this.#writeUnique(facts.root, unique, before))
    this.#rows.delete(oldKey)
  }

  #writeRow(table: Table, row: TextRow): string {
    const key = rowKey(table, row)
    if (key === undefined) this.#keepPlace(`pk|${table.name}`)
    else this.#writes.add(key)
    return key ?? ''
  }

  /** The key of the row's values, where they are known and can meet others. */
  #writeUnique(table: Table, unique: UniqueKey, row: TextRow): string | undefined {
    const values = unique.columns === undefined ? undefined : comparableValues(table, unique.columns, row)
    if (values === undefined) this.#keepPlace(`uq|${table.name}.${unique.name}`)
    if (values === undefined || (values.includes(null) && !unique.nullsNotDistinct)) return undefined
    const key = uniqueKey(table, unique, values)
    this.#writes.add(key)
    return key
  }

  /** After this nobody finds the key any more: what referred to it comes before (P4). */
  #leave(
    { referencedColumns }: TableFacts,
    columns: readonly string[] | undefined,
    key: string | undefined,
  ): void {
    if (!key || !columns?.every((column) => referencedColumns.has(column))) return
    this.#references.add(leavingKey(key))
  }

  /** MATCH SIMPLE: a null in any column refers to nothing. */
  #refer(table: Table, foreignKey: ForeignKey, row: TextRow): void {
    if (foreignKey.columns.some((column) => Object.hasOwn(row, column) && row[column] === null)) return
    const values = comparableValues(table, foreignKey.columns, row)
    const target = this.#catalog.tables.get(foreignKey.references)
    const root = target && rootTable(this.#catalog, target)
    const key = values && root && referenceKey(root, foreignKey, values)
    if (key === undefined) this.#keepPlace(`pk|${root?.name ?? foreignKey.references}`)
    else this.#references.add(key)
  }

  /** Rows of these tables may change with this one, and nobody here knows which. */
  #cascade({ cascadesTo }: TableFacts): void {
    this.#isCommonLane = true
    for (const table of cascadesTo) this.#keepPlace(`pk|${table}`)
  }

  #keepPlace(lane: string): void {
    this.#isCommonLane = true
    this.#references.add(commonKey(lane))
  }
}

function comparableValues(
  table: Table,
  columns: readonly string[],
  row: TextRow,
): readonly TextValue[] | undefined {
  return columns.every((name) => isComparable(table, name)) ? keyValues(table, columns, row) : undefined
}

function uniqueKey(table: Table, unique: UniqueKey, values: readonly TextValue[]): string {
  return `uq|${table.name}.${unique.name}|${joinKey(values)}`
}

/** The key that the referenced row writes: its primary key, or the unique key that the foreign key names. */
function referenceKey(
  target: Table,
  foreignKey: ForeignKey,
  values: readonly TextValue[],
): string | undefined {
  const inOrderOf = (columns: readonly string[]): readonly TextValue[] | undefined => {
    if (columns.length !== foreignKey.referencedColumns.length) return undefined
    const positions = columns.map((column) => foreignKey.referencedColumns.indexOf(column))
    return positions.includes(-1) ? undefined : positions.map((position) => values[position] ?? null)
  }
  const primary = inOrderOf(target.primaryKey)
  if (primary !== undefined) return `pk|${target.name}|${joinKey(primary)}`
  for (const unique of target.uniqueKeys) {
    const ordered = unique.columns && inOrderOf(unique.columns)
    if (ordered !== undefined) return uniqueKey(target, unique, ordered)
  }
  return undefined
}
