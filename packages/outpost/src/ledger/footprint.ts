import type { Operation, TextRow } from '../transaction/operation.ts'
import type { TableRules } from './table-rules.ts'

/**
 * What one write reads and changes, as far as the order of writes can matter.
 * - `alone`: nothing is known for sure; its transaction goes by itself, in its place.
 * - `ordered`: keeps its place, other rows' writes may still move ahead of it.
 * - `movable`: may join an earlier statement, down to its floor.
 */
export type Footprint =
  | { readonly kind: 'alone' }
  | {
      readonly kind: 'ordered' | 'movable'
      /** Its row. */
      readonly row: string
      /** Values that others may refer to, which exist from here on. */
      readonly provides: readonly string[]
      /** Values that it refers to. */
      readonly needs: readonly string[]
      readonly isDelete: boolean
      /** An update of a referring column may let a delete of the old target pass: it never overtakes one. */
      readonly isAfterDeletes: boolean
    }

const alone: Footprint = { kind: 'alone' }
const none: readonly string[] = []

/** Pure: decides the footprint of an operation from its table's rules. */
export function footprintOf(operation: Operation, rules: TableRules): Footprint {
  if (!rules.isMergeable || (rules.hasPolicy && operation.kind !== 'insert')) return alone
  switch (operation.kind) {
    case 'insert':
      return insertFootprint(operation.table, operation.row, rules)
    case 'update':
      return updateFootprint(operation.table, operation.key, operation.set, rules)
    case 'delete':
      return deleteFootprint(operation.table, operation.key, rules)
  }
}

function insertFootprint(table: string, row: TextRow, rules: TableRules): Footprint {
  const name = rowName(table, row, rules)
  const provides = rules.referenced.map(({ target, columns }) => valueName(target, columns, row))
  // A key that only main can fill in has no name here.
  if (name === undefined || provides.includes(undefined)) return alone
  const needs = rules.references.map(({ target, columns }) => valueName(target, columns, row))
  return {
    kind: 'movable',
    row: name,
    provides: known(provides),
    needs: known(needs),
    isDelete: false,
    isAfterDeletes: false,
  }
}

function updateFootprint(table: string, key: TextRow, set: TextRow, rules: TableRules): Footprint {
  const name = rowName(table, key, rules)
  const columns = Object.keys(set)
  if (name === undefined || columns.some((column) => rules.identityColumns.has(column))) return alone
  const touched = rules.references.filter((reference) => reference.columns.some((column) => column in set))
  if (touched.some((reference) => !reference.columns.every((column) => column in set))) return alone
  const isOrdered = rules.hasHiddenKey || columns.some((column) => rules.keyColumns.has(column))
  return {
    kind: isOrdered ? 'ordered' : 'movable',
    row: name,
    provides: none,
    needs: known(touched.map((reference) => valueName(reference.target, reference.columns, set))),
    isDelete: false,
    isAfterDeletes: touched.length > 0,
  }
}

function deleteFootprint(table: string, key: TextRow, rules: TableRules): Footprint {
  const name = rowName(table, key, rules)
  if (name === undefined || rules.deletes === 'alone') return alone
  return {
    kind: rules.deletes === 'free' ? 'movable' : 'ordered',
    row: name,
    provides: none,
    needs: none,
    isDelete: true,
    isAfterDeletes: false,
  }
}

function rowName(table: string, values: TextRow, rules: TableRules): string | undefined {
  return valueName(table, rules.primaryKey, values)
}

/** Undefined where a value is null or not known: then nothing is referred to. */
function valueName(prefix: string, columns: readonly string[], values: TextRow): string | undefined {
  const parts: string[] = []
  for (const column of columns) {
    const value = values[column]
    if (value === undefined || value === null) return undefined
    parts.push(value)
  }
  return parts.length === 1 ? `${prefix}=${parts[0]}` : `${prefix}=${JSON.stringify(parts)}`
}

function known(names: readonly (string | undefined)[]): readonly string[] {
  return names.length === 0 ? none : names.filter((name) => name !== undefined)
}
