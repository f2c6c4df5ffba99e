import { createHash } from 'node:crypto'
import type { Site } from 'outpost'
import { ProblemError } from 'outpost/fastify'
import { serviceCodes } from '../service-codes.ts'
import { isStorableText } from '../text-hygiene.ts'
import { isFilterValue } from './filter-value.ts'
import type { Sort } from './list-query.ts'
import { type ColumnKind, idKind, type Resource } from './resource.ts'

/** The last row of a page: its sort value as PostgreSQL's text (exact, null included) and its id. */
export interface Cursor {
  readonly value: string | null
  readonly id: string
}

/**
 * A cursor as a client hands it back. A long value would not fit into a URL, so its cursor names the row alone, with a
 * digest that tells whether the row still has the value.
 */
export type GivenCursor =
  | ({ readonly kind: 'value' } & Cursor)
  | { readonly kind: 'row'; readonly id: string; readonly digest: string }

/** Well below what servers and proxies take as a URL. */
export const maxCursorLength = 1_024

/** An opaque text that goes on after this row; it is good for the same resource and sort only. */
export function writeCursor(resource: Resource, sort: Sort, { value, id }: Cursor): string {
  const place = placeOf(resource, sort)
  const whole = encode([place, value, id])
  return value === null || whole.length <= maxCursorLength
    ? whole
    : encode([place, null, id, digestOf(value)])
}

/** Error: `cursor_invalid` for a text that this list, in this order, did not give out. */
export function readCursor(resource: Resource, sort: Sort, text: string): GivenCursor {
  const parts = text.length <= maxCursorLength ? parse(text) : undefined
  const [place, value, id, digest] = parts ?? []
  const kind = resource.columns[sort.column] ?? 'text'
  const isValue = value === null || (typeof value === 'string' && isCursorValue(kind, value))
  const isId = typeof id === 'string' && isFilterValue(idKind(resource), id)
  if (place !== placeOf(resource, sort) || !isValue || !isId) throw invalid()
  return typeof digest === 'string' ? { kind: 'row', id, digest } : { kind: 'value', value, id }
}

/** The whole cursor: a long value is read from its row. Error: `cursor_invalid` when the row has changed since. */
export async function wholeCursor(
  site: Pick<Site, 'readRow'>,
  resource: Resource,
  sort: Sort,
  given: GivenCursor,
  options: Parameters<Site['readRow']>[2] = {},
): Promise<Cursor> {
  if (given.kind === 'value') return given
  const found = await site.readRow(resource.table, { id: given.id }, options)
  const value = found?.row[sort.column]
  if (typeof value === 'string' && digestOf(value) === given.digest) return { value, id: given.id }
  throw new ProblemError(
    serviceCodes.cursor_invalid,
    `The ${resource.noun} that the page before ended at has another ${sort.column} now.`,
  )
}

/** Beyond what a filter takes: every text that PostgreSQL writes for a value of this kind, so that no row ends the paging. */
function isCursorValue(kind: ColumnKind, value: string): boolean {
  switch (kind) {
    case 'text':
      return isStorableText(value)
    case 'timestamp':
      return /^(-?infinity|\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d){0,2}( BC)?)$/.test(
        value,
      )
    case 'number':
      return /^(NaN|-?Infinity)$/.test(value) || isFilterValue(kind, value)
    case 'uuid':
    case 'integer':
    case 'bigint':
    case 'boolean':
    case 'json':
      return isFilterValue(kind, value)
  }
}

function invalid(): ProblemError {
  return new ProblemError(
    serviceCodes.cursor_invalid,
    'The cursor does not belong to this list in this order.',
  )
}

function digestOf(value: string): string {
  return createHash('sha256').update(value).digest('base64url')
}

function placeOf(resource: Resource, sort: Sort): string {
  return `${resource.path}:${sort.isDescending ? '-' : ''}${sort.column}`
}

function encode(parts: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

function parse(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}
