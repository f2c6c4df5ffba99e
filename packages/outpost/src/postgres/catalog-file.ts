import { readHistory } from '../schema/schema-history.ts'
import type { Catalog, ConflictPolicy, Table, TableName, View } from './catalog.ts'
import { catalogVersion } from './catalog-version.ts'

/** Number of the file's format; another one is not read. */
const format = 1

/** The catalog as text for the disk. */
export function serializeCatalog(catalog: Catalog): string {
  return JSON.stringify({
    format,
    version: catalog.version,
    readAtMs: catalog.readAtMs,
    serverVersion: catalog.serverVersion,
    searchPath: catalog.searchPath,
    tables: [...catalog.tables.values()],
    views: [...catalog.views.values()],
    userFunctions: [...catalog.userFunctions],
    policies: catalog.policies && [...catalog.policies],
    history: catalog.history,
  })
}

/**
 * Reads what {@link serializeCatalog} wrote. Throws a plain `Error` that says why the text cannot be used: not JSON,
 * another format, or content that does not have the digest it claims, which finds every change.
 */
export function deserializeCatalog(text: string): Catalog {
  const file = readEnvelope(text)
  if (file.format !== format)
    throw new Error(`it has format ${String(file.format)}, this version reads ${format}`)
  const { version, readAtMs, serverVersion, searchPath, tables, views, userFunctions, policies, history } =
    file
  if (
    typeof version !== 'string' ||
    typeof readAtMs !== 'number' ||
    typeof serverVersion !== 'number' ||
    !Array.isArray(searchPath) ||
    !Array.isArray(tables) ||
    !Array.isArray(views) ||
    !Array.isArray(userFunctions)
  ) {
    throw new Error('a part of it is missing')
  }
  const content = {
    searchPath: searchPath as readonly string[],
    tables: new Map((tables as readonly Table[]).map((table) => [table.name, table])),
    views: new Map((views as readonly View[]).map((view) => [view.name, view])),
    userFunctions: new Set(userFunctions as readonly string[]),
    ...(Array.isArray(policies) && {
      policies: new Map(policies as readonly (readonly [TableName, ConflictPolicy])[]),
    }),
    ...(history === undefined ? {} : { history: readHistory(history) }),
  }
  if (catalogVersion(content) !== version) throw new Error('its content does not match its digest')
  return { version, readAtMs, serverVersion, ...content }
}

function readEnvelope(text: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new Error('it is not JSON', { cause })
  }
  if (typeof value !== 'object' || value === null) throw new Error('it is not a JSON object')
  return value as Readonly<Record<string, unknown>>
}
