import type { FastifyInstance } from 'fastify'
import type { Site } from '../site/site-api.ts'
import { transactionStates } from '../transaction/state.ts'
import { transactionAnswer, transactionsAnswer } from './answer-schemas.ts'
import { described } from './described.ts'
import { ProblemError } from './problem.ts'
import { transactionDocument } from './transaction-document.ts'
import { transactionQuery } from './transaction-query.ts'

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** "Where is my observation?" (P12): one transaction with every step, and the list per state. */
export function transactionRoutes(app: FastifyInstance, site: Site): void {
  app.get('/transactions', { schema: listSchema }, async (request) => {
    const query = transactionQuery(request.query as Record<string, unknown>)
    const views = await site.transactions(query)
    const last = views.length < query.limit ? undefined : views.at(-1)
    return { items: views.map(transactionDocument), next_after: last?.record.seq ?? null }
  })

  app.get<{ Params: { id: string } }>('/transactions/:id', { schema: oneSchema }, async (request) => {
    const id = request.params.id.toLowerCase()
    const view = uuidPattern.test(id) ? await site.transactionById(id) : undefined
    if (view === undefined)
      throw new ProblemError('transaction_unknown', 'No transaction with this id is known here.')
    return { ...transactionDocument(view), site: site.name, operations: view.record.operations }
  })
}

const listSchema = described('transactions', 'Transactions of this site, oldest first', {
  querystring: {
    type: 'object',
    properties: {
      state: { type: 'string', enum: transactionStates, description: 'Only this state' },
      limit: { type: 'integer', minimum: 1, maximum: 500, default: 50 },
      after: { type: 'integer', minimum: 0, description: 'seq to go on after' },
    },
  },
  response: { 200: transactionsAnswer },
})

const oneSchema = described('transactions', 'One transaction with every step and its time', {
  params: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
  response: { 200: transactionAnswer },
})
