import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ProblemError } from 'outpost/fastify'
import { serviceCodes } from '../service-codes.ts'
import type { KnownToken } from './known-token.ts'
import { includesScope, type Scope } from './scope.ts'
import type { TokenStore } from './token-store.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The verified token; null only on public routes. */
    apiToken: KnownToken | null
  }
  interface FastifyContextConfig {
    /** Scope that the route needs; by method when left out: `read` for GET, `write` for the others. */
    readonly scope?: Scope
  }
}

/** What verifies a bearer token; {@link TokenStore} in the service. */
export type TokenVerifier = Pick<TokenStore, 'verify'>

/** Every route but the public ones needs a bearer token with the right scope, before its body is read. */
export function installAuthentication(app: FastifyInstance, tokens: TokenVerifier): void {
  app.decorateRequest('apiToken', null)
  app.addHook('onRequest', async (request, reply) => {
    if (isPublic(request)) return
    void reply.header('www-authenticate', 'Bearer realm="ops-db-api"')
    const token = await tokens.verify(bearerOf(request))
    const needed = neededScope(request)
    if (!includesScope(token.scopes, needed)) {
      throw new ProblemError(
        serviceCodes.scope_missing,
        `The API token '${token.name}' lacks the scope '${needed}'.`,
      )
    }
    void reply.removeHeader('www-authenticate')
    request.apiToken = token
  })
}

function isPublic(request: FastifyRequest): boolean {
  if (request.routeOptions.config.isPublic === true) return true
  const url = request.routeOptions.url ?? ''
  return url === '/docs' || url.startsWith('/docs/')
}

function bearerOf(request: FastifyRequest): string {
  const match = /^Bearer +([^\s]{1,200}) *$/i.exec(request.headers.authorization ?? '')
  if (match?.[1] === undefined)
    throw new ProblemError(
      serviceCodes.token_missing,
      'There is no bearer token in the Authorization header.',
    )
  return match[1]
}

function neededScope(request: FastifyRequest): Scope {
  const { scope, isAdministrative } = request.routeOptions.config
  if (isAdministrative === true) return 'admin'
  return scope ?? scopeOfMethod(request.method)
}

function scopeOfMethod(method: string): Scope {
  return method === 'GET' || method === 'HEAD' ? 'read' : 'write'
}
