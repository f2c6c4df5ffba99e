import type { Catalog } from '../postgres/catalog.ts'
import type { Operation, TextRow } from '../transaction/operation.ts'
import { rowKey } from '../transaction/row-key.ts'
import { type TableFacts, tableFacts } from './table-facts.ts'

/** What a transaction leaves of one row. */
export interface FinalRow {
  readonly facts: TableFacts
  /** Key under which a row lay before; undefined where there was none. */
  readonly origin: TextRow | undefined
  /** Columns that are known after it. */
  readonly image: TextRow
  /** Columns that it sets; of a new row all. */
  readonly changed: ReadonlySet<string>
  readonly isNew: boolean
  readonly isDeleted: boolean
  /** The transaction inserts it twice. */
  readonly isDoubled?: boolean
}

/**
 * The rows that a transaction touches, as it leaves them. Constraints are judged on these, as if all were deferred: in
 * which order main runs the steps of a batch is main's, and what breaks nothing in the end may pass there.
 */
export function finalRows(catalog: Catalog, operations: readonly Operation[]): readonly FinalRow[] {
  const rows = new Map<string, FinalRow>()
  /** Rows that were moved away from: by their key nothing is left, but their origin is gone. */
  const gone: FinalRow[] = []
  for (const operation of operations) {
    const facts = tableFacts(catalog, operation.table)
    if (facts) apply(rows, gone, facts, operation)
  }
  return [...rows.values(), ...gone]
}

function apply(rows: Map<string, FinalRow>, gone: FinalRow[], facts: TableFacts, operation: Operation): void {
  const at = rowKey(facts.table, operation.kind === 'insert' ? operation.row : operation.key)
  if (at === undefined) return
  const before = rows.get(at)
  switch (operation.kind) {
    case 'insert': {
      const { row } = operation
      const changed = new Set(facts.table.columns.map(({ name }) => name))
      if (before && !before.isDeleted) {
        rows.set(at, { ...before, isDoubled: true })
        return
      }
      rows.set(at, { facts, origin: before?.origin, image: row, changed, isNew: true, isDeleted: false })
      return
    }
    case 'update': {
      const image = { ...(before?.image ?? operation.key), ...operation.set }
      const changed = new Set([...(before?.changed ?? []), ...Object.keys(operation.set)])
      const origin = before ? before.origin : operation.key
      const row = { facts, origin, image, changed, isNew: before?.isNew ?? false, isDeleted: false }
      const to = rowKey(facts.table, image) ?? at
      if (to !== at) {
        rows.delete(at)
        const displaced = rows.get(to)
        if (displaced?.isDeleted) gone.push(displaced)
      }
      rows.set(to, row)
      return
    }
    case 'delete': {
      const origin = before ? before.origin : operation.key
      const image = before?.image ?? operation.key
      rows.set(at, { facts, origin, image, changed: new Set(), isNew: false, isDeleted: true })
      return
    }
  }
}

/** Columns of before that have to be read, so that everything touched can be judged. */
export function missingColumns(row: FinalRow): readonly string[] {
  const { facts, image, changed, isNew } = row
  if (isNew || facts.isOpaque) return []
  const isTouched = (columns: readonly string[]): boolean => columns.some((name) => changed.has(name))
  const sets: (readonly string[])[] = row.isDeleted
    ? facts.incoming.map(({ key }) => key.referencedColumns)
    : [
        ...facts.keys.map(({ columns }) => columns).filter(isTouched),
        ...facts.checks.map(({ columns }) => columns).filter(isTouched),
        ...facts.references.map(({ key }) => key.columns).filter(isTouched),
      ]
  return [...new Set(sets.flat())].filter((name) => !Object.hasOwn(image, name)).sort()
}
