import { OutpostError } from '../errors/outpost-error.ts'
import type { Catalog, Table } from './catalog.ts'
import { nearestName } from './nearest-name.ts'
import { parseQualifiedName, type QualifiedName } from './qualified-name.ts'
import { quoteTable } from './quote.ts'

/**
 * The table that a user's name means: `executed_obs_unit`, `public.executed_obs_unit` or quoted parts, read like
 * PostgreSQL reads it, unqualified names through the search path. Errors: `unknown_table`, with the nearest name as
 * hint.
 */
export function resolveTable(catalog: Catalog, name: string): Table {
  const exact = catalog.tables.get(name)
  if (exact !== undefined) return exact
  const parsed = parseQualifiedName(name)
  const table = parsed === undefined ? undefined : findTable(catalog, parsed)
  if (table === undefined) throw unknownTable(catalog, name, parsed)
  return table
}

function findTable(catalog: Catalog, { schema, relation }: QualifiedName): Table | undefined {
  for (const candidate of schema === undefined ? catalog.searchPath : [schema]) {
    const table = tableNamed(catalog, candidate, relation)
    if (table !== undefined) return table
  }
  return undefined
}

/** By its parts, whatever the server's version quotes in the canonical name. */
function tableNamed(catalog: Catalog, schema: string, relation: string): Table | undefined {
  const quoted = catalog.tables.get(quoteTable(schema, relation))
  if (quoted !== undefined) return quoted
  for (const table of catalog.tables.values()) {
    if (table.schema === schema && table.relation === relation) return table
  }
  return undefined
}

function unknownTable(catalog: Catalog, name: string, parsed: QualifiedName | undefined): OutpostError {
  const shown = JSON.stringify(name.slice(0, 130))
  const view = parsed === undefined ? undefined : viewNamed(catalog, parsed)
  if (view !== undefined) {
    return new OutpostError('unknown_table', `${shown} is a view and cannot be recorded to.`, {
      hint: 'Record to the tables that it reads.',
    })
  }
  const nearest = nearestName(parsed?.relation ?? name, namesOf(catalog))
  return new OutpostError('unknown_table', `The table ${shown} does not exist or cannot be recorded to.`, {
    ...(nearest === undefined ? {} : { hint: `Did you mean ${nearest}?`, details: { nearest } }),
  })
}

function viewNamed(catalog: Catalog, { schema, relation }: QualifiedName) {
  const schemas = schema === undefined ? catalog.searchPath : [schema]
  return [...catalog.views.values()].find(
    (view) => view.relation === relation && schemas.includes(view.schema),
  )
}

/** Spelling → the name to suggest: both bare and qualified, so that either finds it. */
function namesOf(catalog: Catalog): ReadonlyMap<string, string> {
  return new Map(
    [...catalog.tables.values()].flatMap((table) => [
      [table.relation, table.name],
      [table.name, table.name],
    ]),
  )
}
