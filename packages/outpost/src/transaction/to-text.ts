import { OutpostError } from '../errors/outpost-error.ts'
import type { ColumnType, TableName } from '../postgres/catalog.ts'
import type { TextValue } from './operation.ts'
import { encodeValue } from './value/encode.ts'
import { ValueProblem } from './value/value-problem.ts'

/** Where a value is going, for the message. */
export interface ValuePlace {
  readonly table: TableName
  readonly column: string
}

/**
 * A JavaScript value as PostgreSQL will print it once it is stored: the pending row must equal the row to come.
 * Strings are taken as the type's text, `Date` as an instant, bytes for bytea, arrays and plain objects for arrays,
 * composites and JSON. Errors: `invalid_value`, which names table, column and type and quotes at most 60 characters.
 */
export function toText(value: unknown, type: ColumnType, place: ValuePlace): TextValue {
  if (value === null || value === undefined) return null
  try {
    return encodeValue(value, type)
  } catch (error) {
    if (!(error instanceof ValueProblem)) throw error
    throw new OutpostError('invalid_value', `${place.table}.${place.column}: ${error.message}.`, {
      hint: `Send a value of type ${type.nameWithModifier}.`,
      details: { table: place.table, column: place.column, type: type.nameWithModifier },
    })
  }
}
