import type { FastifyReply, FastifyRequest } from 'fastify'
import { ProblemError } from './problem.ts'

/** Carries positions and (site, epoch, seq) between answers and later requests (N21). */
export const tokenHeader = 'outpost-token'

const maxTokenLength = 4096

/** The token that the request brought, unchecked but bounded; undefined without one. Error: `token_invalid`. */
export function outpostTokenOf(request: FastifyRequest): string | undefined {
  const value = request.headers[tokenHeader]
  if (value === undefined || value === '') return undefined
  if (typeof value !== 'string' || value.length > maxTokenLength) {
    throw new ProblemError(
      'token_invalid',
      `An Outpost-Token is one header of at most ${maxTokenLength} characters.`,
    )
  }
  return value
}

/** Hands the token of a write to the client. */
export function sendOutpostToken(reply: FastifyReply, token: string): void {
  void reply.header(tokenHeader, token)
}
