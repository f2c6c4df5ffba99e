import { ProblemError } from 'outpost/fastify'
import { serviceCodes } from '../service-codes.ts'
import { type GivenCursor, readCursor } from './cursor.ts'
import { boundValue, isFilterValue, maxTextLength } from './filter-value.ts'
import type { ColumnKind, Resource } from './resource.ts'

export type Comparison = 'eq' | 'gte' | 'lte' | 'gt' | 'lt' | 'in'

export interface Filter {
  readonly column: string
  readonly comparison: Comparison
  readonly values: readonly string[]
}

export interface Sort {
  readonly column: string
  readonly isDescending: boolean
}

/** A list request, checked: every column is one of the resource's, every value one that its column can hold. */
export interface ListQuery {
  readonly filters: readonly Filter[]
  readonly sort: Sort
  readonly limit: number
  readonly cursor?: GivenCursor
  readonly withCount: boolean
}

export const defaultLimit = 50
export const maxLimit = 500
export const maxInValues = 100
const comparisons: readonly Comparison[] = ['gte', 'lte', 'gt', 'lt', 'in']
const reserved = new Set(['sort', 'limit', 'cursor', 'count'])

/** Parses the query string of a list. Errors: `filter_unknown`, `invalid_value`, `cursor_invalid`. */
export function listQuery(resource: Resource, query: Readonly<Record<string, unknown>>): ListQuery {
  const texts = Object.entries(query).map(([name, value]) => [name, singleText(name, value)] as const)
  const parameters = new Map(texts)
  const sort = sortOf(resource, parameters.get('sort') ?? resource.defaultSort)
  const cursor = parameters.get('cursor')
  return {
    filters: texts
      .filter(([name]) => !reserved.has(name))
      .map(([name, value]) => filterOf(resource, name, value)),
    sort,
    limit: limitOf(parameters.get('limit')),
    withCount: flagOf('count', parameters.get('count')),
    ...(cursor === undefined ? {} : { cursor: readCursor(resource, sort, cursor) }),
  }
}

function singleText(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw new ProblemError('invalid_value', `${shown(name)} is given more than once.`)
}

function filterOf(resource: Resource, name: string, value: string): Filter {
  const { column, comparison } = splitName(resource, name)
  const kind = kindOf(resource, column)
  const values = comparison === 'in' ? value.split(',') : [value]
  if (values.length > maxInValues)
    throw new ProblemError('invalid_value', `${name} takes at most ${maxInValues} values.`)
  if (!values.every((one) => isFilterValue(kind, one))) {
    throw new ProblemError(
      'invalid_value',
      `${name} needs ${comparison === 'in' ? 'values' : 'a value'} of type ${kind}${limitOfText(kind)}.`,
    )
  }
  return { column, comparison, values: values.map((one) => boundValue(kind, one)) }
}

function limitOfText(kind: ColumnKind): string {
  return kind === 'text' ? `, at most ${maxTextLength} characters long` : ''
}

function splitName(
  resource: Resource,
  name: string,
): { readonly column: string; readonly comparison: Comparison } {
  const [column = '', suffix, ...rest] = name.split('.')
  const comparison = suffix === undefined ? 'eq' : comparisons.find((known) => known === suffix)
  if (rest.length > 0 || comparison === undefined) throw unknownFilter(resource, name)
  return { column, comparison }
}

function kindOf(resource: Resource, column: string): ColumnKind {
  const kind = Object.hasOwn(resource.columns, column) ? resource.columns[column] : undefined
  if (kind === undefined || kind === 'json') throw unknownFilter(resource, column)
  return kind
}

function sortOf(resource: Resource, text: string): Sort {
  const isDescending = text.startsWith('-')
  const column = isDescending ? text.slice(1) : text
  kindOf(resource, column)
  return { column, isDescending }
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return defaultLimit
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > maxLimit)
    throw new ProblemError('invalid_value', `limit must be a whole number from 1 to ${maxLimit}.`)
  return limit
}

function flagOf(name: string, text: string | undefined): boolean {
  if (text === undefined || text === 'false') return false
  if (text === 'true') return true
  throw new ProblemError('invalid_value', `${name} must be true or false.`)
}

function unknownFilter(resource: Resource, name: string): ProblemError {
  const columns = Object.keys(resource.columns).filter((column) => resource.columns[column] !== 'json')
  return new ProblemError(
    serviceCodes.filter_unknown,
    `${shown(name)} is no column or parameter of ${resource.path}.`,
    {
      hint: `Columns: ${columns.join(', ')}; comparisons: ${comparisons.map((one) => `.${one}`).join(' ')}; also sort, limit, cursor, count.`,
    },
  )
}

/** A name from outside, bounded before it is repeated. */
function shown(name: string): string {
  return `'${name.slice(0, 64)}'`
}
