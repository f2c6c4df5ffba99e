import type { FastifyInstance } from 'fastify'
import type { MainRows } from '../site/dead-letters/dead-letters-api.ts'
import type { Site } from '../site/site-api.ts'
import { transactionStates } from '../transaction/state.ts'
import { transactionAnswer, transactionsAnswer } from './answer-schemas.ts'
import { conflictDocument } from './conflict-document.ts'
import { described } from './described.ts'
import { transactionDocument } from './transaction-document.ts'
import { flagParameter, transactionIdOf, transactionQuery, transactionUnknown } from './transaction-query.ts'

/** "Where is my observation?" (P12): one transaction with every step, and the list per state. */
export function transactionRoutes(app: FastifyInstance, site: Site): void {
  app.get('/transactions', { schema: listSchema }, async (request) => {
    const query = transactionQuery(request.query as Record<string, unknown>)
    const views = await site.transactions(query)
    const last = views.length < query.limit ? undefined : views.at(-1)
    return { items: views.map(transactionDocument), next_after: last?.record.seq ?? null }
  })

  app.get<OneRequest>('/transactions/:id', { schema: oneSchema }, async (request) => {
    const asksMain = flagParameter(request.query, 'main')
    const view = await site.transactionById(transactionIdOf(request.params.id))
    if (view === undefined) throw transactionUnknown()
    const { id, operations } = view.record
    const main = asksMain ? mainDocument(await site.deadLetters.mainRows(id)) : null
    const [cone, conflicts] = await Promise.all([site.deadLetters.cone(id), conflictsDocument(site, id)])
    return { ...transactionDocument(view), site: site.name, operations, cone, conflicts, main }
  })
}

interface OneRequest {
  Params: { id: string }
  Querystring: Readonly<Record<string, unknown>>
}

/** Where it met other changes; a database that does not answer keeps nobody from the rest. */
async function conflictsDocument(site: Site, id: string): Promise<Record<string, unknown>> {
  try {
    const found = await site.conflicts({ transaction: id })
    return { answered: true, items: found.map(conflictDocument) }
  } catch (error) {
    return { answered: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

/** What main answered, or that it did not: asking never waits for long. */
function mainDocument(rows: MainRows): Record<string, unknown> {
  switch (rows.kind) {
    case 'answered':
      return { answered: true, rows: rows.rows }
    case 'silent':
      return { answered: false, reason: rows.reason }
  }
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
  querystring: {
    type: 'object',
    properties: {
      main: {
        type: 'boolean',
        description: 'Ask main for the rows that a rejection is about; waits at most 2 s',
      },
    },
  },
  response: { 200: transactionAnswer },
})
