import type { FastifyInstance } from 'fastify'
import type { Site } from '../site/site-api.ts'
import { conflictsAnswer } from './answer-schemas.ts'
import { conflictDocument } from './conflict-document.ts'
import { described } from './described.ts'
import { conflictQuery } from './transaction-query.ts'

/** What this site's users changed at the same time as others, and what became of it. */
export function conflictRoutes(app: FastifyInstance, site: Site): void {
  app.get('/conflicts', { schema: listSchema }, async (request) => {
    const query = conflictQuery(request.query as Record<string, unknown>)
    const items = await site.conflicts(query)
    const last = items.length < query.limit ? undefined : items.at(-1)
    return { items: items.map(conflictDocument), next_before: last?.id ?? null }
  })
}

const listSchema = described('transactions', 'Conflicts that this site had a part in, newest first', {
  querystring: {
    type: 'object',
    properties: {
      table: { type: 'string', description: 'Only of this table, with its schema: public.executed_obs_unit' },
      limit: { type: 'integer', minimum: 1, maximum: 500, default: 50 },
      before: { type: 'integer', minimum: 1, description: 'id to go on before' },
    },
  },
  response: { 200: conflictsAnswer },
})
