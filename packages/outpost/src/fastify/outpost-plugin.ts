import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify'
import type { Health, Site } from '../site/site-api.ts'
import { conflictRoutes } from './conflict-routes.ts'
import { deadLetterRoutes, type Identify } from './dead-letter-routes.ts'
import { healthRoutes } from './health-routes.ts'
import { installProblemHandlers } from './problem-handlers.ts'
import { siteRoutes } from './site-routes.ts'
import { transactionRoutes } from './transaction-routes.ts'

// Declared beside the entry point: a host that imports the plugin must see these without its inner files.
declare module 'fastify' {
  interface FastifyContextConfig {
    /** Served without credentials: a load balancer asks for health. */
    readonly isPublic?: boolean
    /** Decides over the site as a whole: the host asks for more than the right to record. */
    readonly isAdministrative?: boolean
  }
}

/** Of every answer of a site that records beside its Redis. */
const journalHeader = 'outpost-journal'

/** Of every answer of a site whose acknowledgements may be lost. */
const durabilityHeader = 'outpost-durability'
const relaxedAnswer = 'relaxed; what was acknowledged in the last two seconds is lost when Redis crashes'

export interface OutpostPluginOptions {
  readonly site: Site
  /** Runs before every route of the plugin that is not public; throws to refuse. Left out: the host guards them. */
  readonly authorize?: onRequestAsyncHookHandler
  /** Who sends a request: named in what operators decide, and the scope of an Idempotency-Key. Left out: nobody. */
  readonly identify?: Identify
  /** What the host itself finds wrong: stands in `/health` behind the site's own, and makes a healthy site degraded. */
  readonly problems?: () => Health['problems']
}

/**
 * Mounts what every site needs: `/transactions`, `/conflicts`, `/health`, `/health/ready`, `/buffer-stats`, `/site/…`, and
 * problem documents for every error of the instance that it is registered on. What the HTTP parser refuses gets one
 * with the options of the example: fastify takes them nowhere else.
 *
 * @example
 * const app = fastify({ clientErrorHandler: answerClientError, http: { requireHostHeader: false } })
 * await app.register(outpostPlugin, { site })
 */
export async function outpostPlugin(app: FastifyInstance, options: OutpostPluginOptions): Promise<void> {
  installProblemHandlers(app)
  const { authorize, site, problems } = options
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (site.durability === 'relaxed') void reply.header(durabilityHeader, relaxedAnswer)
    const { fallback } = site
    if (fallback?.isInUse) {
      const since = new Date(fallback.sinceMs).toISOString()
      void reply.header(
        journalHeader,
        `fallback; on this machine's disk since ${since}, because Redis is away`,
      )
    }
    done(null, payload)
  })
  await app.register((scope, _options, done) => {
    if (authorize !== undefined) {
      scope.addHook('onRequest', async function (request, reply) {
        if (request.routeOptions.config.isPublic !== true) await authorize.call(this, request, reply)
      })
    }
    healthRoutes(scope, site, problems)
    siteRoutes(scope, site)
    transactionRoutes(scope, site)
    conflictRoutes(scope, site)
    deadLetterRoutes(scope, site, options.identify ?? (() => undefined))
    done()
  })
}

// The handlers must reach the host's own routes, so fastify may not give the plugin a scope of its own.
Object.assign(outpostPlugin, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'outpost',
})
