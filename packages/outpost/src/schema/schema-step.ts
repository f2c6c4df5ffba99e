import type { TableName } from '../postgres/catalog.ts'
import type { TextValue } from '../transaction/operation.ts'

/**
 * What one step of a migration means for a write that was recorded before it. Steps are data, not code: `migrate`
 * stores them on main, from where they replicate, so that a site whose software was built before the migration can
 * follow them, too. Table names are as SQL writes them, with their schema; column names are plain.
 */
export type SchemaStep =
  | { readonly kind: 'rename_table'; readonly table: TableName; readonly to: TableName }
  | {
      readonly kind: 'rename_column'
      readonly table: TableName
      readonly column: string
      readonly to: string
    }
  /** What was recorded for the column is left out. */
  | { readonly kind: 'drop_column'; readonly table: TableName; readonly column: string }
  /** Rows that were recorded without the column get this value: PostgreSQL's text of it, or null. */
  | {
      readonly kind: 'add_column'
      readonly table: TableName
      readonly column: string
      readonly value: TextValue
    }
  /** Where a row or a change says NULL it says this value from now on: of a column that was made NOT NULL. */
  | {
      readonly kind: 'fill_null'
      readonly table: TableName
      readonly column: string
      readonly value: string
    }
  /** These values have become others; what is not named stays as it is. */
  | {
      readonly kind: 'map_values'
      readonly table: TableName
      readonly column: string
      readonly values: Readonly<Record<string, TextValue>>
    }
  /** Columns move to another table, which has one row for each of this one. */
  | ({ readonly kind: 'split_table'; readonly to: TableName } & Split)
  /** The way back: the columns come home from the table `from`. */
  | ({ readonly kind: 'merge_table'; readonly from: TableName } & Split)
  /** A write of the table, or of that column alone, has no meaning any more: main refuses it with this reason. */
  | {
      readonly kind: 'refuse'
      readonly table: TableName
      readonly column?: string
      readonly reason: string
    }

interface Split {
  readonly table: TableName
  /** Column of this table → column of the other one. */
  readonly columns: Readonly<Record<string, string>>
  /** Primary key of this table → what names the same row of the other one. */
  readonly key: Readonly<Record<string, string>>
}

const members: Readonly<Record<SchemaStep['kind'], readonly string[]>> = {
  rename_table: ['table', 'to'],
  rename_column: ['table', 'column', 'to'],
  drop_column: ['table', 'column'],
  add_column: ['table', 'column', 'value'],
  fill_null: ['table', 'column', 'value'],
  map_values: ['table', 'column', 'values'],
  split_table: ['table', 'to', 'columns', 'key'],
  merge_table: ['table', 'from', 'columns', 'key'],
  refuse: ['table', 'reason'],
}

/** Whether this version knows the step: a newer one may have written it. */
export function isSchemaStep(step: unknown): step is SchemaStep {
  if (typeof step !== 'object' || step === null || !('kind' in step)) return false
  const needed = Object.hasOwn(members, String(step.kind))
    ? members[step.kind as SchemaStep['kind']]
    : undefined
  return needed?.every((name) => Object.hasOwn(step, name)) ?? false
}

/** The way back of a migration's steps, as far as they tell; what they lose comes back as NULL. */
export function inverted(steps: readonly SchemaStep[]): readonly SchemaStep[] {
  return [...steps].reverse().flatMap(inverse)
}

function inverse(step: SchemaStep): readonly SchemaStep[] {
  switch (step.kind) {
    case 'rename_table':
      return [{ kind: 'rename_table', table: step.to, to: step.table }]
    case 'rename_column':
      return [{ kind: 'rename_column', table: step.table, column: step.to, to: step.column }]
    case 'drop_column':
      return [{ kind: 'add_column', table: step.table, column: step.column, value: null }]
    case 'add_column':
      return [{ kind: 'drop_column', table: step.table, column: step.column }]
    case 'map_values':
      return [{ ...step, values: swapped(step.values) }]
    case 'split_table': {
      const { to, ...rest } = step
      return [{ ...rest, kind: 'merge_table', from: to }]
    }
    case 'merge_table': {
      const { from, ...rest } = step
      return [{ ...rest, kind: 'split_table', to: from }]
    }
    case 'fill_null':
    case 'refuse':
      return []
  }
}

/** Of several values that became one the first comes back. */
function swapped(values: Readonly<Record<string, TextValue>>): Readonly<Record<string, TextValue>> {
  const back: Record<string, TextValue> = {}
  for (const [before, after] of Object.entries(values)) if (after !== null) back[after] ??= before
  return back
}
