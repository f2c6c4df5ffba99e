import type { ErrorCode } from '../errors/codes.ts'
import { OutpostError } from '../errors/outpost-error.ts'
import type { Table } from '../postgres/catalog.ts'
import type { EdgeContext } from './edge-default.ts'
import type { TextRow, TextValue } from './operation.ts'
import { StepRow } from './step-row.ts'
import { type ColumnPlan, type TablePlan, tablePlan } from './table-plan.ts'
import { encodeValue } from './value/encode.ts'
import { ValueProblem } from './value/value-problem.ts'

/** Values as a caller supplies them, by column. An `undefined` counts as not supplied. */
export type InputRow = Readonly<Record<string, unknown>>

export interface FieldProblem {
  readonly column: string
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
  /** Index of the row, in a bulk insert. */
  readonly row?: number
}

/** Collects what is wrong with one step, so that the caller hears everything at once. */
export type Report = (problem: FieldProblem) => void

/** The complete row of an insert: every column that main would fill in is filled in here. */
export function completeInsert(
  table: Table,
  values: InputRow,
  context: EdgeContext,
  report: Report,
): TextRow {
  const plan = tablePlan(table)
  reportUnknown(plan, values, report)
  const row: Record<string, TextValue> = {}
  for (const entry of plan.columns) {
    const supplied = Object.hasOwn(values, entry.column.name) ? values[entry.column.name] : undefined
    const value = insertValue(plan, entry, supplied, context, report)
    if (value !== undefined) row[entry.column.name] = value
  }
  return row
}

function insertValue(
  plan: TablePlan,
  entry: ColumnPlan,
  supplied: unknown,
  context: EdgeContext,
  report: Report,
): TextValue | undefined {
  const { column } = entry
  if (column.generatedSql !== undefined || column.identity === 'always') {
    if (supplied !== undefined) return reportGenerated(entry, report)
    return column.identity === 'always' ? reportAlways(plan, entry, report) : undefined
  }
  if (supplied !== undefined) return suppliedValue(plan.table, entry, supplied, report)
  switch (entry.default?.kind) {
    case 'value':
      return notNull(entry, entry.default.make(context), report)
    case 'sequence':
      return reservedKey(plan, entry, context, report)
    case 'main_only':
      return reportMissing(
        entry,
        `has a default that only main can evaluate (${entry.default.sql.slice(0, 80)})`,
        report,
      )
    case undefined:
      return notNull(entry, null, report)
  }
}

/** The changed columns of an update. An empty set is a problem: such an update would only take a lock. */
export function completeSet(table: Table, set: InputRow, report: Report): TextRow {
  const plan = tablePlan(table)
  reportUnknown(plan, set, report)
  const row: Record<string, TextValue> = {}
  let count = 0
  for (const [name, supplied] of Object.entries(set)) {
    if (supplied === undefined) continue
    count++
    const entry = plan.byName.get(name)
    if (entry === undefined) continue
    const isMade = entry.column.generatedSql !== undefined || entry.column.identity === 'always'
    const value = isMade ? reportGenerated(entry, report) : suppliedValue(table, entry, supplied, report)
    if (value !== undefined) row[name] = value
  }
  if (count === 0)
    report({ column: '', code: 'missing_value', message: `An update of ${table.name} changes no column` })
  return row
}

/** The whole primary key, in key order, and nothing else. */
export function completeKey(table: Table, key: InputRow | StepRow, report: Report): TextRow {
  if (key instanceof StepRow) return key.key
  const plan = tablePlan(table)
  reportUnknown(plan, key, report)
  for (const name of Object.keys(key)) {
    if (!plan.keyColumns.has(name) && plan.byName.has(name)) {
      report({
        column: name,
        code: 'invalid_value',
        message: `${table.name}.${name} is no part of the primary key`,
      })
    }
  }
  const row: Record<string, TextValue> = {}
  for (const name of table.primaryKey) {
    const supplied = Object.hasOwn(key, name) ? key[name] : undefined
    if (supplied === undefined || supplied === null) {
      report({
        column: name,
        code: 'missing_key',
        message: `${table.name}.${name} is part of the primary key and was not given`,
      })
      continue
    }
    const value = suppliedValue(table, plan.byName.get(name)!, supplied, report)
    if (value !== undefined) row[name] = value
  }
  return row
}

/** Columns whose value before the step the caller knows; used for the conflict set alone, so unknown ones are refused too. */
export function completeOld(table: Table, old: InputRow, report: Report): TextRow {
  const plan = tablePlan(table)
  reportUnknown(plan, old, report)
  const row: Record<string, TextValue> = {}
  for (const entry of plan.columns) {
    const supplied = Object.hasOwn(old, entry.column.name) ? old[entry.column.name] : undefined
    if (supplied === undefined) continue
    const value = supplied === null ? null : suppliedValue(table, entry, supplied, report)
    if (value !== undefined) row[entry.column.name] = value
  }
  return row
}

function suppliedValue(
  table: Table,
  entry: ColumnPlan,
  supplied: unknown,
  report: Report,
): TextValue | undefined {
  const { column } = entry
  const value = supplied instanceof StepRow ? supplied.valueFor(table, column.name) : supplied
  if (value === null) return notNull(entry, null, report)
  try {
    if (value === undefined)
      throw new ValueProblem('the row of an earlier step has no single value for this column')
    return encodeValue(value, column.type)
  } catch (error) {
    if (!(error instanceof ValueProblem)) throw error
    report({
      column: column.name,
      code: 'invalid_value',
      message: `${table.name}.${column.name}: ${error.message}`,
      hint: `Send a value of type ${column.type.nameWithModifier}.`,
    })
    return undefined
  }
}

function notNull(entry: ColumnPlan, value: TextValue, report: Report): TextValue | undefined {
  if (value !== null || (entry.column.isNullable && !entry.isKey)) return value
  return reportMissing(entry, 'is required', report)
}

function reportMissing({ column }: ColumnPlan, reason: string, report: Report): undefined {
  report({
    column: column.name,
    code: 'missing_value',
    message: `${column.name} ${reason}`,
    hint: 'Supply the value.',
  })
}

/** A number of the block that is reserved for this site. */
function reservedKey(
  plan: TablePlan,
  entry: ColumnPlan,
  context: EdgeContext,
  report: Report,
): TextValue | undefined {
  const { column } = entry
  const { name } = plan.table
  const drawn = context.drawKey?.(name, column.name) ?? { kind: 'unplanned' }
  switch (drawn.kind) {
    case 'drawn':
      return drawn.value
    case 'short':
      report({
        column: column.name,
        code: 'keys_unavailable',
        message: `no reserved number of ${name}.${column.name} may be used: ${drawn.reason}`,
        hint: 'Supply the number yourself, or wait until main has been reached. Larger blocks (`outpost site reserve-keys`) last longer.',
      })
      return undefined
    case 'unplanned':
      report({
        column: column.name,
        code: 'missing_value',
        message: `${column.name} is numbered by a sequence on main, which a site cannot draw from`,
        hint: `Reserve numbers for this site: \`outpost site reserve-keys SITE ${name} --block 10000\`. Or supply the number yourself, or give the table a UUID key.`,
      })
      return undefined
  }
}

function reportAlways(plan: TablePlan, { column }: ColumnPlan, report: Report): undefined {
  const { name } = plan.table
  report({
    column: column.name,
    code: 'missing_value',
    message: `${column.name} is GENERATED ALWAYS AS IDENTITY, so only main may number it`,
    hint: `On main: ALTER TABLE ${name} ALTER COLUMN ${column.name} SET GENERATED BY DEFAULT, then \`outpost site reserve-keys SITE ${name} --block 10000\`; or give the table a UUID key.`,
  })
}

function reportGenerated({ column }: ColumnPlan, report: Report): undefined {
  report({
    column: column.name,
    code: 'invalid_value',
    message: `${column.name} is generated by PostgreSQL and cannot be written`,
    hint: 'Leave the column out.',
  })
}

function reportUnknown(plan: TablePlan, values: InputRow, report: Report): void {
  for (const name of Object.keys(values)) {
    if (plan.byName.has(name)) continue
    report({
      column: name.slice(0, 80),
      code: 'unknown_column',
      message: `${plan.table.name} has no column ${JSON.stringify(name.slice(0, 80))}`,
    })
  }
}

/** One error for all problems of a step; its code is the first one's. */
export function stepError(step: string, problems: readonly FieldProblem[]): OutpostError {
  const first = problems[0]!
  const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`
  return new OutpostError(first.code, `${step}: ${first.message}${more}.`, {
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    details: { errors: problems.slice(0, 100) },
  })
}
