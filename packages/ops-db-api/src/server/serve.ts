import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { OutpostError } from 'outpost'
import { openSite, type Site } from 'outpost/site'
import { type Logger, pino } from 'pino'
import { TokenStore } from '../auth/token-store.ts'
import type { Configuration } from '../configuration/configuration.ts'
import { siteOptionsOf } from '../configuration/site-options.ts'
import { sitePreflight } from '../recording/site-preflight.ts'
import { buildServer } from './build-server.ts'
import { isInMemory } from './memory-folder.ts'

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

/** Something that was opened and has to be closed again. */
type Closing = () => Promise<void> | void

const tokenReadTimeoutMs = 5_000

/**
 * Opens the site, serves it, and stops gracefully: requests under way are answered, the backlog stays in the
 * journal. Errors: those of the site, `port_in_use`.
 */
export async function serve(
  configuration: Configuration,
  options: ServeOptions = {},
): Promise<RunningService> {
  const { logLevel = 'info', handlesSignals = true } = options
  const log = pino({ level: logLevel }, pino.destination(2))
  const opened: Closing[] = []
  const stop = once(() => closeAll(opened.toReversed()))
  try {
    let noteFailure: (error: unknown) => void = () => undefined
    const preflight = sitePreflight({ onFailed: (error) => noteFailure(error) })
    const site = await openSite({ ...siteOptionsOf(configuration), preflight })
    opened.push(() => site.stop())
    opened.push(logEvents(site, log))
    await warnOfMemory(configuration.journalPath ?? './journal', log)
    const tokens = await openTokens(site, configuration, log)
    opened.push(() => tokens.stop())
    const app = await buildServer({
      site,
      tokens,
      logger: { level: logLevel, stream: pino.destination(2) },
      watchPreflight: (onFailed) => {
        noteFailure = onFailed
      },
    })
    opened.push(() => app.close())
    const url = await listen(app, configuration)
    log.info({ site: site.name, type: site.type, url }, 'serving')
    let tellStopped: () => void = () => undefined
    const stopped = new Promise<void>((resolve) => {
      tellStopped = resolve
    })
    opened.unshift(() => tellStopped())
    if (handlesSignals) opened.unshift(onSignals(log, stop))
    return { site, tokens, url, stop, stopped }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Closes everything, also when one of them fails; the first failure is raised at the end. */
async function closeAll(closings: readonly Closing[]): Promise<void> {
  const failures: unknown[] = []
  for (const close of closings) {
    try {
      await close()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

function once(act: () => Promise<void>): () => Promise<void> {
  let acting: Promise<void> | undefined
  return () => {
    acting ??= act()
    return acting
  }
}

function logEvents(site: Site, log: Logger): Closing {
  // Every change of every transaction is told only where somebody reads it.
  const kinds = log.isLevelEnabled('debug') ? undefined : (['link', 'replica', 'lineage', 'alarm'] as const)
  return site.onEvent((event) => {
    if (event.kind === 'alarm') log.warn(event, event.message)
    else log.debug(event, `site: ${event.kind}`)
  }, kinds)
}

/** Not refused: a laptop's temporary folder often lies in memory, and there nobody counts on it. */
async function warnOfMemory(journalPath: string, log: Logger): Promise<void> {
  if (!(await isInMemory(journalPath))) return
  log.warn({ journalPath }, 'the journal lies in memory: a power loss takes acknowledged writes away')
}

function openTokens(site: Site, configuration: Configuration, log: Logger): Promise<TokenStore> {
  return TokenStore.open({
    read: async (sql) => (await site.read(sql, [], { timeoutMs: tokenReadTimeoutMs })).rows,
    path: join(configuration.journalPath ?? './journal', 'tokens.json'),
    onRefreshFailed: (error) => log.debug({ err: error }, 'tokens were not refreshed'),
  })
}

async function listen(app: FastifyInstance, configuration: Configuration): Promise<string> {
  const { host = '127.0.0.1', port = 8_000 } = configuration
  try {
    return await app.listen({ host, port })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE') throw error
    throw new OutpostError('port_in_use', `Another program listens on ${host}:${port}.`, {
      hint: 'Set PORT to a free one.',
      cause: error,
    })
  }
}

function onSignals(log: Logger, stop: () => Promise<void>): Closing {
  const signals = ['SIGTERM', 'SIGINT'] as const
  const act = (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping')
    void stop()
  }
  for (const signal of signals) process.on(signal, act)
  return () => {
    for (const signal of signals) process.off(signal, act)
  }
}
