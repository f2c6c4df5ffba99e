import { transactionStates } from 'outpost'
import Type, { type TObject, type TSchema } from 'typebox'
import type { ColumnKind, Resource } from './resource.ts'

/** What a column's value looks like in an answer and, by its text, in a filter. */
export const columnSchemas: Readonly<Record<ColumnKind, TSchema>> = {
  uuid: Type.String({ format: 'uuid' }),
  integer: Type.Integer(),
  bigint: Type.Integer(),
  number: Type.Number(),
  text: Type.String(),
  timestamp: Type.String({ format: 'date-time' }),
  boolean: Type.Boolean(),
  json: Type.Unknown(),
}

/** A row as it is written straight to main: every column, null where it may be. */
export function rowSchema(resource: Resource): TObject {
  return Type.Object(columnsOf(resource))
}

/** A row as it is read: with the state of its newest transaction. */
export function itemSchema(resource: Resource): TObject {
  const state = Type.Enum([...transactionStates], {
    description: 'State of the newest transaction of the row; replicated when it needs none',
  })
  return Type.Object({ ...columnsOf(resource), transaction_state: state })
}

/** A page of a list. */
export function pageSchema(resource: Resource): TObject {
  return Type.Object({
    items: Type.Array(itemSchema(resource)),
    next_cursor: Type.Union([Type.String(), Type.Null()], { description: 'null on the last page' }),
    total: Type.Optional(Type.Integer({ description: 'With count=true: how many match, whatever the page' })),
  })
}

function columnsOf(resource: Resource): Record<string, TSchema> {
  const columns = Object.entries(resource.columns).map(([name, kind]) => {
    const schema = columnSchemas[kind]
    return [name, resource.nullable.includes(name) ? Type.Union([schema, Type.Null()]) : schema] as const
  })
  return Object.fromEntries(columns)
}
