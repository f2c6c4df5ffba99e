import { ProblemError } from 'outpost/fastify'
import { serviceCodes } from '../service-codes.ts'
import { isFilterValue } from './filter-value.ts'
import type { Sort } from './list-query.ts'
import { idKind, type Resource } from './resource.ts'

/** The last row of a page: its sort value as PostgreSQL's text (exact, null included) and its id. */
export interface Cursor {
  readonly value: string | null
  readonly id: string
}

const maxCursorLength = 4_096

/** An opaque text that goes on after this row; it is good for the same resource and sort only. */
export function writeCursor(resource: Resource, sort: Sort, cursor: Cursor): string {
  return Buffer.from(JSON.stringify([placeOf(resource, sort), cursor.value, cursor.id])).toString('base64url')
}

/** Error: `cursor_invalid` for a text that this list, in this order, did not give out. */
export function readCursor(resource: Resource, sort: Sort, text: string): Cursor {
  const parts = text.length <= maxCursorLength ? parse(text) : undefined
  const [place, value, id] = parts ?? []
  const kind = resource.columns[sort.column] ?? 'text'
  const isValue = value === null || (typeof value === 'string' && isFilterValue(kind, value))
  if (
    place !== placeOf(resource, sort) ||
    !isValue ||
    typeof id !== 'string' ||
    !isFilterValue(idKind(resource), id)
  ) {
    throw new ProblemError(
      serviceCodes.cursor_invalid,
      'The cursor does not belong to this list in this order.',
    )
  }
  return { value, id }
}

function placeOf(resource: Resource, sort: Sort): string {
  return `${resource.path}:${sort.isDescending ? '-' : ''}${sort.column}`
}

function parse(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}
