import { openSite, type Site } from 'outpost/site'
import { pino } from 'pino'
import { TokenStore } from '../auth/token-store.ts'
import type { Configuration } from '../configuration/configuration.ts'
import { siteOptionsOf } from '../configuration/site-options.ts'
import { buildServer } from './build-server.ts'

export interface ServeOptions {
  /** Level of the log on stderr. Default `info`. */
  readonly logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Stop on SIGTERM and SIGINT. Default true. */
  readonly handlesSignals?: boolean
}

/** A running service. */
export interface RunningService {
  readonly site: Site
  readonly tokens: TokenStore
  /** Base address of the API, with the port that was really taken. */
  readonly url: string
  /** Answers what was accepted, does not wait for the drain, closes everything. Idempotent. */
  stop(): Promise<void>
  /** Resolves when the service has stopped, for whatever reason. */
  readonly stopped: Promise<void>
}

/** Opens the site, serves it, and stops gracefully: requests under way are answered, the backlog stays in the journal. */
export async function serve(
  configuration: Configuration,
  options: ServeOptions = {},
): Promise<RunningService> {
  const { logLevel = 'info', handlesSignals = true } = options
  const log = pino({ level: logLevel, redact: ['req.headers.authorization'] }, pino.destination(2))
  const site = await openSite(siteOptionsOf(configuration))
  const unsubscribe = site.onEvent((event) => {
    if (event.kind === 'alarm') log.warn(event, event.message)
    else log.debug(event, `site: ${event.kind}`)
  })
  const tokens = await openTokens(site, configuration, (error) =>
    log.debug({ err: error }, 'tokens were not refreshed'),
  )
  const app = await buildServer({ site, tokens, logger: { level: logLevel, stream: pino.destination(2) } })
  const url = await app.listen({ host: configuration.host ?? '127.0.0.1', port: configuration.port ?? 8000 })
  log.info({ site: site.name, type: site.type, url }, 'serving')

  let stopping: Promise<void> | undefined
  let tellStopped: () => void = () => undefined
  const stopped = new Promise<void>((resolve) => {
    tellStopped = resolve
  })
  const stopOnce = async () => {
    await app.close()
    await tokens.stop()
    await site.stop()
    unsubscribe()
    releaseSignals()
    tellStopped()
  }
  const stop = () => (stopping ??= stopOnce())
  const releaseSignals = handlesSignals
    ? onSignals((signal) => {
        log.info({ signal }, 'stopping')
        void stop()
      })
    : () => undefined
  return { site, tokens, url, stop, stopped }
}

function openTokens(
  site: Site,
  configuration: Configuration,
  onRefreshFailed: (error: unknown) => void,
): Promise<TokenStore> {
  return TokenStore.open({
    read: async (sql) => (await site.read(sql)).rows,
    path: `${configuration.journalPath ?? './journal'}.tokens.json`,
    onRefreshFailed,
  })
}

function onSignals(act: (signal: NodeJS.Signals) => void): () => void {
  const signals = ['SIGTERM', 'SIGINT'] as const
  for (const signal of signals) process.on(signal, act)
  return () => {
    for (const signal of signals) process.off(signal, act)
  }
}
