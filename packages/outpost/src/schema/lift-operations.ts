import type { Operation, TextRow, TextValue } from '../transaction/operation.ts'
import type { SchemaStep } from './schema-step.ts'

/** What became of a transaction's operations. */
export type LiftedOperations =
  | { readonly kind: 'lifted'; readonly operations: readonly Operation[] }
  | { readonly kind: 'refused'; readonly reason: string }

/** Pure: the operations as the schema behind these steps has them; the very same array where nothing touches them. */
export function liftOperations(
  operations: readonly Operation[],
  steps: readonly SchemaStep[],
): LiftedOperations {
  let lifted = operations
  for (const step of steps) {
    if (!lifted.some((operation) => touches(operation, step))) continue
    const reason = refusal(lifted, step)
    if (reason !== undefined) return { kind: 'refused', reason }
    lifted = lifted.flatMap((operation) =>
      touches(operation, step) ? liftOne(operation, step) : [operation],
    )
  }
  return { kind: 'lifted', operations: lifted }
}

function touches(operation: Operation, step: SchemaStep): boolean {
  return operation.table === step.table || (step.kind === 'merge_table' && operation.table === step.from)
}

function refusal(operations: readonly Operation[], step: SchemaStep): string | undefined {
  if (step.kind !== 'refuse') return undefined
  const isRefused = operations.some(
    (operation) =>
      operation.table === step.table && (step.column === undefined || says(operation, step.column)),
  )
  return isRefused ? step.reason : undefined
}

/** Whether it gives the column a value. */
function says(operation: Operation, column: string): boolean {
  return (changed(operation)[column] ?? null) !== null
}

function changed(operation: Operation): TextRow {
  return operation.kind === 'insert' ? operation.row : operation.kind === 'update' ? operation.set : {}
}

function liftOne(operation: Operation, step: SchemaStep): readonly Operation[] {
  switch (step.kind) {
    case 'rename_table':
      return [{ ...operation, table: step.to }]
    case 'rename_column':
      return [onRows(operation, (row) => renamed(row, { [step.column]: step.to }))]
    case 'drop_column':
      return unlessEmpty(onChange(operation, (row) => without(row, [step.column])))
    case 'add_column':
      return [onChange(operation, (row, isNew) => (isNew ? { [step.column]: step.value, ...row } : row))]
    case 'fill_null':
      return [onChange(operation, (row, isNew) => filled(row, step.column, step.value, isNew))]
    case 'map_values':
      return [onRows(operation, (row) => mapped(row, step.column, step.values))]
    case 'split_table':
      return split(operation, step)
    case 'merge_table':
      return merge(operation, step)
    case 'refuse':
      return [operation]
  }
}

/** Key and values alike. */
function onRows(operation: Operation, change: (row: TextRow) => TextRow): Operation {
  switch (operation.kind) {
    case 'insert':
      return { ...operation, row: change(operation.row) }
    case 'update':
      return {
        ...operation,
        key: change(operation.key),
        set: change(operation.set),
        ...seenIn(operation, change),
      }
    case 'delete':
      return { ...operation, key: change(operation.key), ...seenIn(operation, change) }
  }
}

/** What is written and what was seen, without the key. */
function onChange(operation: Operation, change: (row: TextRow, isNew: boolean) => TextRow): Operation {
  switch (operation.kind) {
    case 'insert':
      return { ...operation, row: change(operation.row, true) }
    case 'update':
      return withSeen({ ...operation, set: change(operation.set, false) }, (row) => change(row, false))
    case 'delete':
      return withSeen(operation, (row) => change(row, false))
  }
}

type Change = Exclude<Operation, { readonly kind: 'insert' }>

/** What the client saw, as far as the schema still has it; nothing where it has none of it. */
function seenIn(
  { seen }: { readonly seen?: TextRow },
  change: (row: TextRow) => TextRow,
): { readonly seen?: TextRow } {
  const lifted = seen === undefined ? {} : change(seen)
  return Object.keys(lifted).length === 0 ? {} : { seen: lifted }
}

function withSeen<Kind extends Change>(operation: Kind, change: (row: TextRow) => TextRow): Kind {
  const { seen, ...rest } = operation
  return { ...rest, ...seenIn({ ...(seen && { seen }) }, change) } as Kind
}

/** An update that sets nothing any more is none. */
function unlessEmpty(operation: Operation): readonly Operation[] {
  return operation.kind === 'update' && Object.keys(operation.set).length === 0 ? [] : [operation]
}

/** In the order of the columns, so that rows of one shape stay of one shape. */
function renamed(row: TextRow, names: Readonly<Record<string, string>>): TextRow {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [nameIn(names, name), value]))
}

function nameIn(names: Readonly<Record<string, string>>, name: string): string {
  return Object.hasOwn(names, name) ? names[name]! : name
}

function without(row: TextRow, columns: readonly string[]): TextRow {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !columns.includes(name)))
}

function only(row: TextRow, columns: readonly string[]): TextRow {
  return Object.fromEntries(Object.entries(row).filter(([name]) => columns.includes(name)))
}

function filled(row: TextRow, column: string, value: string, isNew: boolean): TextRow {
  const isNull = Object.hasOwn(row, column) ? row[column] === null : isNew
  return isNull ? { ...row, [column]: value } : row
}

function mapped(row: TextRow, column: string, values: Readonly<Record<string, TextValue>>): TextRow {
  const value = row[column] ?? null
  return value !== null && Object.hasOwn(values, value) ? { ...row, [column]: values[value]! } : row
}

type SplitStep = Extract<SchemaStep, { readonly kind: 'split_table' }>
type MergeStep = Extract<SchemaStep, { readonly kind: 'merge_table' }>

function split(operation: Operation, { table, to, columns, key }: SplitStep): readonly Operation[] {
  const moved = Object.keys(columns)
  const keys = Object.keys(key)
  const seenThere = (row: TextRow) => renamed(only(row, moved), columns)
  switch (operation.kind) {
    case 'insert': {
      const { row } = operation
      const other = { ...renamed(only(row, keys), key), ...renamed(only(row, moved), columns) }
      return [
        { kind: 'insert', table, row: without(row, moved) },
        { kind: 'insert', table: to, row: other },
      ]
    }
    case 'update': {
      const set = without(operation.set, moved)
      const other = { ...renamed(only(set, keys), key), ...renamed(only(operation.set, moved), columns) }
      return [
        ...unlessEmpty(withSeen({ ...operation, set }, (row) => without(row, moved))),
        ...unlessEmpty({
          kind: 'update',
          table: to,
          key: renamed(operation.key, key),
          set: other,
          ...seenIn(operation, seenThere),
        }),
      ]
    }
    case 'delete':
      // The new table's row refers to this one, as a rule.
      return [
        { kind: 'delete', table: to, key: renamed(operation.key, key), ...seenIn(operation, seenThere) },
        withSeen(operation, (row) => without(row, moved)),
      ]
  }
}

/** The other table's row is a part of this one's again: its coming and going are changes of that row. */
function merge(operation: Operation, { table, from, columns, key }: MergeStep): readonly Operation[] {
  if (operation.table !== from) return [operation]
  const back = Object.fromEntries(Object.entries(columns).map(([home, away]) => [away, home]))
  const keyBack = Object.fromEntries(Object.entries(key).map(([home, away]) => [away, home]))
  const away = Object.keys(back)
  const seenHere = (row: TextRow) => renamed(only(row, away), back)
  switch (operation.kind) {
    case 'insert': {
      const named = renamed(only(operation.row, Object.keys(keyBack)), keyBack)
      return unlessEmpty({ kind: 'update', table, key: named, set: renamed(only(operation.row, away), back) })
    }
    case 'update': {
      const set = renamed(only(operation.set, away), back)
      const key = renamed(operation.key, keyBack)
      return unlessEmpty({ kind: 'update', table, key, set, ...seenIn(operation, seenHere) })
    }
    case 'delete': {
      const set = Object.fromEntries(Object.keys(columns).map((name) => [name, null]))
      const key = renamed(operation.key, keyBack)
      return unlessEmpty({ kind: 'update', table, key, set, ...seenIn(operation, seenHere) })
    }
  }
}
