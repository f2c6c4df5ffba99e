import type { FastifyInstance } from 'fastify'
import type { Site } from 'outpost'
import { outpostTokenOf, ProblemError } from 'outpost/fastify'
import Type from 'typebox'
import { documented, readHeaders } from '../documented.ts'
import { serviceCodes } from '../service-codes.ts'
import { rowJson } from './column-json.ts'
import { wholeCursor, writeCursor } from './cursor.ts'
import { isFilterValue } from './filter-value.ts'
import { type ListQuery, listQuery } from './list-query.ts'
import { listSchema } from './list-schema.ts'
import { countedPageSql, pageSql, sortTextColumn, totalColumn } from './list-sql.ts'
import { provenRow } from './proven-row.ts'
import { anOf, idKind, type Resource } from './resource.ts'
import { columnSchemas, itemSchema } from './row-schema.ts'

type Row = Readonly<Record<string, unknown>>

/** `GET /<resource>` and `GET /<resource>/{id}`: merged reads, each item with the state of its newest transaction. */
export function readRoutes(app: FastifyInstance, site: Site, resource: Resource): void {
  app.get(`/${resource.path}`, { schema: listSchema(resource) }, async (request) => {
    const query = listQuery(resource, request.query as Record<string, unknown>)
    const token = outpostTokenOf(request)
    return readList(site, resource, query, token)
  })

  const one = documented(resource.path, `One ${resource.noun} by id`, {
    headers: readHeaders,
    params: Type.Object({ id: columnSchemas[idKind(resource)] }),
    response: { 200: itemSchema(resource) },
  })
  app.get<{ Params: { id: string } }>(`/${resource.path}/:id`, { schema: one }, async (request) =>
    readOne(site, resource, request.params.id, outpostTokenOf(request)),
  )
}

/** One page of a list. */
async function readList(site: Site, resource: Resource, query: ListQuery, token: string | undefined) {
  const options = token === undefined ? {} : { token }
  const after = query.cursor && (await wholeCursor(site, resource, query.sort, query.cursor, options))
  const page = (query.withCount ? countedPageSql : pageSql)(resource, query, after)
  const answer = await site.read<Row>(page.text, page.values, options)
  const rows = answer.rows.filter((row) => row.id !== null)
  const shown = rows.slice(0, query.limit)
  const last = rows.length > query.limit ? shown.at(-1) : undefined
  return {
    items: shown.map((row) => itemOf(site, resource, row)),
    next_cursor: last === undefined ? null : cursorAfter(resource, query, last),
    ...(query.withCount ? { total: Number(answer.rows[0]?.[totalColumn]) } : {}),
  }
}

/** One row by id. Errors: `not_found` where absence is proven, else `not_here_yet` (N21). */
async function readOne(site: Site, resource: Resource, id: string, token: string | undefined) {
  if (!isFilterValue(idKind(resource), id)) {
    throw new ProblemError('invalid_value', `The id of ${anOf(resource)} is of type ${idKind(resource)}.`)
  }
  const found = await provenRow(site, resource, id.toLowerCase(), token === undefined ? {} : { token })
  if (found === undefined)
    throw new ProblemError(serviceCodes.not_found, `There is no ${resource.noun} with id ${id}.`)
  return { ...rowJson(resource, found.row), transaction_state: found.state }
}

function itemOf(site: Site, resource: Resource, row: Row) {
  return { ...rowJson(resource, row), transaction_state: site.rowState(resource.table, { id: row.id }) }
}

function cursorAfter(resource: Resource, query: ListQuery, row: Row): string {
  const value = row[sortTextColumn]
  return writeCursor(resource, query.sort, {
    value: value === null ? null : String(value),
    id: String(row.id),
  })
}
