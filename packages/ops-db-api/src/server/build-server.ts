import Fastify, { type FastifyInstance, type FastifyRequest, type FastifyServerOptions } from 'fastify'
import { type Site, systemClock } from 'outpost'
import { answerClientError, answerError, outpostPlugin } from 'outpost/fastify'
import { installAuthentication, type TokenVerifier } from '../auth/authenticate.ts'
import { CheckFailures } from '../recording/check-failures.ts'
import { executedUnitRoutes } from '../recording/executed-unit-routes.ts'
import { fileRoutes } from '../recording/file-routes.ts'
import { packageRoutes } from '../recording/package-routes.ts'
import { type RecordingOptions, recordingContext } from '../recording/recording-context.ts'
import { transferRoutes } from '../recording/transfer-routes.ts'
import { readRoutes } from '../resources/read-routes.ts'
import { recordedResources } from '../resources/recorded-resources.ts'
import { referenceResources } from '../resources/reference-resources.ts'
import { referenceRoutes } from '../resources/reference-routes.ts'
import { transferOverviewRoute } from '../resources/transfer-overview.ts'
import { installBodyValidation } from './body-validation.ts'
import { installGracefulClose } from './graceful-close.ts'
import { installOpenApi } from './open-api.ts'
import { rootRoute } from './root-route.ts'
import { installTokenCheck } from './token-check.ts'

export interface ServerOptions {
  readonly site: Site
  readonly tokens: TokenVerifier
  /** Fastify's logger setting. Default: silent. */
  readonly logger?: FastifyServerOptions['logger']
  /** Until a request has arrived whole. Default 30,000. */
  readonly requestTimeoutMs?: number
  /** How long the checks of a write may look at the replica before it is accepted unchecked. Default 50. */
  readonly checkBudgetMs?: number
  /** Given what takes in why the site's pre-flight could not look: its `onFailed`, for health and log. */
  readonly watchPreflight?: (onFailed: (error: unknown) => void) => void
}

/** Largest body: 10,000 files with every member at full length do not fit, a night's worth of usual ones does. */
export const bodyLimitBytes = 8 * 1024 * 1024
export const requestTimeoutMs = 30_000
export const maxPathParameterLength = 200

/** The service over an open site, not listening: `inject()` it, or `listen()`. */
export async function buildServer(options: ServerOptions): Promise<FastifyInstance> {
  const { site, tokens, logger = false, checkBudgetMs } = options
  const app = Fastify({
    logger,
    bodyLimit: bodyLimitBytes,
    requestTimeout: options.requestTimeoutMs ?? requestTimeoutMs,
    forceCloseConnections: 'idle',
    // Accepted connections are answered while stopping; the site itself says when it takes no more.
    return503OnClosing: false,
    clientErrorHandler: answerClientError,
    http: { requireHostHeader: false, ...timelyLimits(options.requestTimeoutMs ?? requestTimeoutMs) },
    routerOptions: { maxParamLength: maxPathParameterLength },
    frameworkErrors: (error, request, reply) => {
      void answerError(error, request, reply)
    },
  })
  installGracefulClose(app)
  installAuthentication(app, tokens)
  installTokenCheck(app, site)
  installBodyValidation(app)
  await installOpenApi(app)
  const failures = new CheckFailures({
    clock: systemClock,
    warn: (facts, message) => app.log.warn(facts, message),
  })
  options.watchPreflight?.((error) => failures.note(error))
  await app.register(outpostPlugin, { site, identify, problems: () => failures.problems })
  await app.register((scope, _options, done) => {
    serviceRoutes(scope, site, {
      ...(checkBudgetMs === undefined ? {} : { checkBudgetMs }),
      onCheckFailed: (error) => failures.note(error),
    })
    done()
  })
  await app.ready()
  return app
}

/**
 * Node takes the longer of both limits for the whole request, and its own for headers is 60 s; and it looks every 30 s
 * whether one has passed.
 */
function timelyLimits(timeoutMs: number) {
  return { headersTimeout: timeoutMs, connectionsCheckingInterval: Math.min(1_000, timeoutMs / 4) }
}

/** The API token stands for who acts. */
function identify({ apiToken }: FastifyRequest) {
  return apiToken === null ? undefined : { id: String(apiToken.id), name: apiToken.name }
}

function serviceRoutes(app: FastifyInstance, site: Site, options: RecordingOptions): void {
  rootRoute(app, site)
  const context = recordingContext(app, site, options)
  executedUnitRoutes(context)
  fileRoutes(context)
  packageRoutes(context)
  transferRoutes(context)
  for (const resource of recordedResources) readRoutes(app, site, resource)
  for (const resource of referenceResources) {
    readRoutes(app, site, resource)
    referenceRoutes(app, site, resource)
  }
  transferOverviewRoute(app, site)
}
