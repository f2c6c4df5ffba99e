import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify'
import type { Site } from '../site/site-api.ts'
import { healthRoutes } from './health-routes.ts'
import { installProblemHandlers } from './problem-handlers.ts'
import { transactionRoutes } from './transaction-routes.ts'

export interface OutpostPluginOptions {
  readonly site: Site
  /** Runs before every route of the plugin that is not public; throws to refuse. Left out: the host guards them. */
  readonly authorize?: onRequestAsyncHookHandler
}

/**
 * Mounts what every site needs: `/transactions`, `/health`, `/health/ready`, `/buffer-stats`, and problem
 * documents for every error of the instance that it is registered on.
 *
 * @example
 * const app = fastify({ bodyLimit: 8 * 1024 * 1024 })
 * await app.register(outpostPlugin, { site })
 */
export async function outpostPlugin(app: FastifyInstance, options: OutpostPluginOptions): Promise<void> {
  installProblemHandlers(app)
  const { authorize, site } = options
  await app.register((scope, _options, done) => {
    if (authorize !== undefined) {
      scope.addHook('onRequest', async function (request, reply) {
        if (request.routeOptions.config.isPublic !== true) await authorize.call(this, request, reply)
      })
    }
    healthRoutes(scope, site)
    transactionRoutes(scope, site)
    done()
  })
}

// The handlers must reach the host's own routes, so fastify may not give the plugin a scope of its own.
Object.assign(outpostPlugin, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'outpost',
})
