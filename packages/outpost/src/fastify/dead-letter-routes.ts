import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import type {
  DecisionFacts,
  DecisionOptions,
  DecisionReceipt,
  PatchOperation,
  PreviewedDecision,
} from '../site/dead-letters/dead-letters-api.ts'
import type { Site } from '../site/site-api.ts'
import type { TransactionId } from '../transaction/transaction.ts'
import { decisionAnswer } from './answer-schemas.ts'
import { described } from './described.ts'
import { idempotencyOf } from './idempotency.ts'
import { flagIn, textIn } from './request-members.ts'
import { sendOutpostToken } from './token-header.ts'
import { flagParameter, transactionIdOf } from './transaction-query.ts'

/** Who sends a request, for the audit and for the scope of its Idempotency-Key (N22). */
export interface Caller {
  readonly id: string
  readonly name: string
}

export type Identify = (request: FastifyRequest) => Caller | undefined

interface DecisionRequest {
  Params: { id: string }
  Querystring: Readonly<Record<string, unknown>>
}

type Request = FastifyRequest<DecisionRequest>

/** What operators do about dead letters (N3). Each decision is durable when it is answered, whatever the link does. */
export function deadLetterRoutes(app: FastifyInstance, site: Site, identify: Identify): void {
  takeJsonPatch(app)
  const { deadLetters } = site
  const decide = decider(site, identify)
  const config = { isAdministrative: true }
  const readsNoBody = { config, schema: schemas.replay, preValidation: withoutBody }

  app.post<DecisionRequest>('/transactions/:id/replay', readsNoBody, async (request, reply) => {
    const reason = textIn(request.body, 'reason', ['reason'])
    return await decide(request, reply, { kind: 'replay' }, (id, options) =>
      deadLetters.replay(id, { ...options, ...(reason !== undefined && { reason }) }),
    )
  })

  app.patch<DecisionRequest>(
    '/transactions/:id',
    { config, schema: schemas.edit },
    async (request, reply) => {
      const patch = request.body as readonly PatchOperation[]
      return await decide(request, reply, { kind: 'edit', patch }, (id, options) =>
        deadLetters.edit(id, patch, options),
      )
    },
  )

  app.post<DecisionRequest>(
    '/transactions/:id/resolve',
    { config, schema: schemas.resolve, preValidation: withoutBody },
    async (request, reply) => {
      const reason = textIn(request.body, 'reason', ['reason']) ?? ''
      return await decide(request, reply, { kind: 'resolve', reason }, (id, options) =>
        deadLetters.resolve(id, { ...options, reason }),
      )
    },
  )

  app.post<DecisionRequest>(
    '/transactions/:id/discard',
    { config, schema: schemas.discard, preValidation: withoutBody },
    async (request, reply) => {
      const reason = textIn(request.body, 'reason', ['reason', 'cone']) ?? ''
      const cone = flagIn(request.body, 'cone')
      return await decide(request, reply, { kind: 'discard', reason, cone }, (id, options) =>
        deadLetters.discard(id, { ...options, reason, cone }),
      )
    },
  )
}

/** Records the decision and answers it, or on a dry run says what it would be. */
function decider(site: Site, identify: Identify) {
  return async (
    request: Request,
    reply: FastifyReply,
    decision: PreviewedDecision,
    act: (id: TransactionId, options: DecisionOptions) => Promise<DecisionReceipt>,
  ): Promise<FastifyReply> => {
    const id = transactionIdOf(request.params.id)
    if (flagParameter(request.query, 'dry_run')) {
      const facts = await site.deadLetters.preview(id, decision)
      const nothing = { transaction_state: null, token: null, dry_run: true }
      return reply.send({ ...decisionDocument(facts), ...nothing })
    }
    const caller = identify(request)
    const { receipt } = await act(id, {
      ...optionsOf(request, site, caller),
      answer: (facts) => ({ status: 200, body: decisionDocument(facts) }),
    })
    sendOutpostToken(reply, receipt.token)
    if (receipt.isReplayed) void reply.header('idempotency-replayed', 'true')
    return reply.send({
      ...(receipt.answer?.body as object),
      transaction_state: receipt.state,
      token: receipt.token,
      dry_run: false,
    })
  }
}

function optionsOf(request: Request, site: Site, caller: Caller | undefined): DecisionOptions {
  const key = request.headers['idempotency-key']
  const idempotency = idempotencyOf({
    key: Array.isArray(key) ? key.join(',') : key,
    site: site.name,
    tokenId: caller?.id ?? '',
    method: request.method,
    path: request.url,
    body: request.body,
  })
  return { ...(idempotency && { idempotency }), ...(caller && { actor: caller.name }) }
}

function decisionDocument({ kind, id, on, decided, waiting }: DecisionFacts): Record<string, unknown> {
  return { decision: kind, on, decided, waiting, transaction_id: id ?? null }
}

/** The media type of RFC 6902; plain JSON is taken, too. A host with a parser of its own for it keeps that. */
function takeJsonPatch(app: FastifyInstance): void {
  const type = 'application/json-patch+json'
  if (app.hasContentTypeParser(type)) return
  app.addContentTypeParser(type, { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'))
}

/** A request without a body says nothing beside its path. */
async function withoutBody(request: FastifyRequest): Promise<void> {
  request.body ??= {}
}

function decisionSchema(summary: string, body: Record<string, unknown>): FastifySchema {
  return described('transactions', summary, {
    params: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
    querystring: {
      type: 'object',
      properties: {
        dry_run: { type: 'boolean', description: 'Only say what would be decided; nothing is recorded' },
      },
    },
    body,
    headers: {
      type: 'object',
      properties: {
        'idempotency-key': {
          type: 'string',
          description: 'Makes the request safe to repeat: the same key gets the same answer',
        },
      },
    },
    response: { 200: decisionAnswer },
    ...recordedAlways,
  })
}

/** For the API description: taken also while main is away. */
const recordedAlways: Record<string, unknown> = { 'x-critical': true }

function bodyOf(properties: Record<string, unknown>, required: readonly string[] = []) {
  return { type: 'object', properties, required, additionalProperties: false }
}

const reason = { type: 'string', description: 'Why; kept in the record and in the ledger' }
const patch = {
  type: 'array',
  description: 'JSON Patch (RFC 6902) of the operations: paths such as /0/row/name',
  items: { type: 'object', additionalProperties: true },
}
const schemas = {
  replay: decisionSchema('Record the operations of a dead letter again', bodyOf({ reason })),
  edit: decisionSchema('Record the operations of a dead letter again, changed', patch),
  resolve: decisionSchema(
    'Say that a dead letter is no longer needed: what waits for it goes on',
    bodyOf({ reason }, ['reason']),
  ),
  discard: decisionSchema(
    'Throw a dead letter away, with all that waits for it when cone says so',
    bodyOf({ reason, cone: { type: 'boolean' } }, ['reason']),
  ),
}
