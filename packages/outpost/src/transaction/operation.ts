import type { TableName } from '../postgres/catalog.ts'

/** A value in PostgreSQL's own text format (as its output function writes it), or null. Exact for every type. */
export type TextValue = string | null

/** Column name → value. Only the supplied columns are present. */
export type TextRow = Readonly<Record<string, TextValue>>

/**
 * One write of one row, complete: everything that main would fill in and a reader could see was made at the edge.
 * - `insert`: `row` holds every column except generated ones (and those whose default only main can make).
 * - `update`: `key` is the whole primary key of the row as it is before, `set` the changed columns.
 * - `delete`: `key` is the whole primary key.
 * `seen`: what the client saw in some columns before, for the table's conflict policy.
 */
export type Operation =
  | { readonly kind: 'insert'; readonly table: TableName; readonly row: TextRow }
  | {
      readonly kind: 'update'
      readonly table: TableName
      readonly key: TextRow
      readonly set: TextRow
      readonly seen?: TextRow
    }
  | { readonly kind: 'delete'; readonly table: TableName; readonly key: TextRow; readonly seen?: TextRow }
