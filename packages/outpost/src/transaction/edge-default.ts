import type { DrawnKey } from '../keys/reserved-keys.ts'
import type { Column, TableName } from '../postgres/catalog.ts'
import { type DefaultExpression, parseDefault } from './default-expression.ts'
import type { RandomSource } from './random-source.ts'
import { uuidV4 } from './uuid-v7.ts'
import { formatTime } from './value/date-time-parts.ts'
import { encodeValue } from './value/encode.ts'
import { instantText } from './value/timestamp.ts'
import { ValueProblem } from './value/value-problem.ts'

/** What a transaction gives to its defaults: one instant for all, and its sources of new ids. */
export interface EdgeContext {
  readonly nowMs: number
  readonly random: RandomSource
  readonly uuidV7: () => string
  /** A number that was reserved for this site, of a column that a sequence on main numbers. */
  readonly drawKey?: (table: TableName, column: string) => DrawnKey
}

export type EdgeDefault =
  /** Makes the value's text; null for `DEFAULT NULL`. */
  | { readonly kind: 'value'; readonly make: (context: EdgeContext) => string | null }
  /** Numbers come from a sequence on main, out of reach of the site. */
  | { readonly kind: 'sequence' }
  /** An expression that only main can evaluate. */
  | { readonly kind: 'main_only'; readonly sql: string }

/**
 * How a column's default is made at the edge; undefined for a column that has none. Cached by the caller. A random
 * UUID for a primary key is made as version 7 even where main would make version 4: ids that rise keep indexes small.
 */
export function edgeDefault(column: Column, isKey: boolean): EdgeDefault | undefined {
  if (column.identity !== undefined) return { kind: 'sequence' }
  if (column.defaultSql === undefined) return undefined
  const mainOnly: EdgeDefault = { kind: 'main_only', sql: column.defaultSql }
  const expression = parseDefault(column.defaultSql)
  return expression === undefined
    ? mainOnly
    : (ofExpression(isKey && expression.kind === 'uuid_v4' ? { kind: 'uuid_v7' } : expression, column) ??
        mainOnly)
}

function ofExpression(expression: DefaultExpression, column: Column): EdgeDefault | undefined {
  switch (expression.kind) {
    case 'sequence':
      return { kind: 'sequence' }
    case 'null':
      return { kind: 'value', make: () => null }
    case 'constant':
      return constant(expression.value, expression.modifier, column)
    case 'now':
      return now(column, expression.precision)
    case 'uuid_v4':
      return { kind: 'value', make: ({ random }) => convert(uuidV4(random), column) }
    case 'uuid_v7':
      return { kind: 'value', make: ({ uuidV7 }) => convert(uuidV7(), column) }
  }
}

/** A constant is converted once; one that the column would not take is left to main, with its own error. */
function constant(value: unknown, modifier: string | undefined, column: Column): EdgeDefault | undefined {
  if (modifier !== undefined && modifier !== column.type.nameWithModifier) return undefined
  try {
    const text = encodeValue(value, column.type)
    return { kind: 'value', make: () => text }
  } catch (error) {
    if (error instanceof ValueProblem) return undefined
    throw error
  }
}

function convert(text: string, column: Column): string {
  return column.type.base === 'uuid' ? text : encodeValue(text, column.type)
}

function now(column: Column, precision: number): EdgeDefault | undefined {
  const { base, modifier } = column.type
  const digits = modifier < 0 ? precision : precision < 0 ? modifier : Math.min(modifier, precision)
  switch (base) {
    case 'timestamptz':
    case 'timestamp':
      return { kind: 'value', make: ({ nowMs }) => instantText(nowMs, base === 'timestamptz', digits) }
    case 'date':
      return { kind: 'value', make: ({ nowMs }) => encodeValue(new Date(nowMs), column.type) }
    case 'time':
    case 'timetz':
      return {
        kind: 'value',
        make: ({ nowMs }) => encodeValue(`${timeOf(nowMs)}${base === 'time' ? '' : 'Z'}`, column.type),
      }
    default:
      return undefined
  }
}

function timeOf(nowMs: number): string {
  return formatTime((nowMs - Math.floor(nowMs / 86_400_000) * 86_400_000) * 1000)
}
