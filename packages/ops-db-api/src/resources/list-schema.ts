import type { FastifySchema } from 'fastify'
import Type from 'typebox'
import { documented, readHeaders } from '../documented.ts'
import type { Resource } from './resource.ts'
import { columnSchemas, pageSchema } from './row-schema.ts'

/** The OpenAPI description of a list; the parameters themselves are parsed by `list-query.ts`. */
export function listSchema(resource: Resource): FastifySchema {
  const filters = Object.entries(resource.columns).filter(([, kind]) => kind !== 'json')
  const byColumn = filters.map(([name, kind]) => [name, Type.Optional(columnSchemas[kind])] as const)
  return documented(resource.path, `List: ${resource.noun}s, pending ones included`, {
    headers: readHeaders,
    response: { 200: pageSchema(resource) },
    querystring: Type.Object({
      ...Object.fromEntries(byColumn),
      sort: Type.Optional(
        Type.String({ description: `A column, descending with a minus. Default ${resource.defaultSort}.` }),
      ),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
      cursor: Type.Optional(Type.String({ description: 'next_cursor of the page before' })),
      count: Type.Optional(
        Type.Boolean({
          description: 'Adds total. Filters also take .gte .lte .gt .lt .in after the column.',
        }),
      ),
    }),
  })
}
