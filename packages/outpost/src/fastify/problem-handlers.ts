import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { installServerRefusals, requireHost } from './client-error.ts'
import { type Problem, problemMediaType, problemOf } from './problem.ts'
import { problemFrom } from './problem-from.ts'

/** Sends a problem document. */
export function sendProblem(reply: FastifyReply, problem: Problem, retryAfterSeconds?: number): FastifyReply {
  if (retryAfterSeconds !== undefined) void reply.header('retry-after', String(retryAfterSeconds))
  return reply.code(problem.status).type(problemMediaType).send(JSON.stringify(problem))
}

/**
 * Every error and every unknown path of the instance is answered with a problem document, and so is what Node would
 * refuse by itself.
 */
export function installProblemHandlers(app: FastifyInstance): void {
  installServerRefusals(app.server)
  app.addHook('onRequest', async (request) => requireHost(request))
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply))
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, problemOf('route_unknown', `There is no ${request.method} ${pathOf(request)}.`)),
  )
}

/** Answers an error that was raised before a route was found; for fastify's `frameworkErrors` option. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const incident = randomUUID()
  const { problem, retryAfterSeconds, isUnexpected } = problemFrom(error, incident)
  if (isUnexpected) request.log.error({ err: error, incident }, 'request failed')
  return sendProblem(reply, problem, retryAfterSeconds)
}

/** The path without its query, bounded: a document does not repeat a megabyte. */
function pathOf(request: FastifyRequest): string {
  return (request.url.split('?', 1)[0] ?? '').slice(0, 200)
}
