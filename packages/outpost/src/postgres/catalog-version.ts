import { createHash } from 'node:crypto'
import type { Catalog } from './catalog.ts'

type Content = Pick<Catalog, 'searchPath' | 'tables' | 'views' | 'userFunctions' | 'policies' | 'history'>

/**
 * Digest (SHA-256, hex) of a catalog's content. Two servers with the same schema give the same one: neither the time
 * of reading nor the server's version counts, and the order in which PostgreSQL returned things does not either.
 */
export function catalogVersion(content: Content): string {
  const canonical = [
    content.searchPath,
    sorted(content.tables),
    sorted(content.views),
    [...content.userFunctions].sort(),
    ...(content.policies === undefined ? [] : [sorted(content.policies)]),
    ...(content.history === undefined ? [] : [content.history]),
  ]
  return createHash('sha256').update(JSON.stringify(canonical, withSortedKeys)).digest('hex')
}

function sorted<Value>(entries: ReadonlyMap<string, Value>): readonly [string, Value][] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

function withSortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}
