import { loadConfiguration } from '@outpost/ops-db-api/setup'
import { type Command, Option } from 'commander'
import { configurationSources } from '../site/configuration-sources.ts'
import { goMessage, readyMessage } from '../supervise/supervised-process.ts'
import type { CommandContext } from './context.ts'
import { examples } from './exit-codes.ts'
import { jsonOption } from './options.ts'

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const

interface ServeCommandOptions {
  readonly json?: boolean
  readonly logLevel: (typeof logLevels)[number]
  readonly waitForParent?: boolean
}

/** A stop that takes longer ends the process: what was acknowledged is in the journal. */
const stopTimeoutMs = 15_000

export function addServeCommand(program: Command, context: CommandContext): void {
  program
    .command('serve')
    .description('Run a site until it is stopped, as the environment, .env and outpost.yaml describe it.')
    .addOption(
      new Option('--log-level <level>', 'what the log on stderr tells').choices(logLevels).default('info'),
    )
    // For the demo, which loads the program while its servers still start.
    .addOption(new Option('--wait-for-parent', 'begin when the parent says so over IPC').hideHelp())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(['outpost serve', 'SITE_NAME=main SITE_TYPE=main PORT=8000 outpost serve']),
    )
    .action(async (options: ServeCommandOptions) => {
      const orphaned = parentIsGone()
      const go = options.waitForParent ? told(goMessage) : Promise.resolve()
      // Loaded here, because it takes longer than all other commands together.
      const { serve } = await import('@outpost/ops-db-api')
      const next = await Promise.race([orphaned.then(() => 'stop' as const), go.then(() => 'go' as const)])
      if (next === 'go') await serveUntil(orphaned, serve, options, context)
      if (process.connected) process.disconnect()
    })
}

/**
 * Until the site serves, a signal ends the process at once, as it does any other: nothing was acknowledged yet, and a
 * journal is made for a kill at any moment. A handler would not even run while a large journal is read.
 */
async function serveUntil(
  orphaned: Promise<void>,
  serve: typeof import('@outpost/ops-db-api').serve,
  options: ServeCommandOptions,
  context: CommandContext,
): Promise<void> {
  const configuration = loadConfiguration(await configurationSources(context))
  const service = await serve(configuration, { logLevel: options.logLevel, handlesSignals: false })
  const stop = Promise.race([orphaned, signalled(context)])
  const ready = { url: service.url, pid: process.pid }
  context.stdout(
    options.json ? `${JSON.stringify(ready)}\n` : `Site listens on ${ready.url} (pid ${ready.pid}).\n`,
  )
  process.send?.(readyMessage)
  await stop
  setTimeout(() => process.exit(1), stopTimeoutMs).unref()
  await service.stop()
}

/** Resolves when the parent has sent this message. */
function told(expected: string): Promise<void> {
  return new Promise((resolve) => {
    process.on('message', (message) => {
      if (message === expected) resolve()
    })
  })
}

/** Resolves at the first signal that asks to stop. */
function signalled(context: CommandContext): Promise<void> {
  const signal = context.stopSignal()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/**
 * Resolves when the parent that started the site over an IPC channel is gone. Without it a kill of the parent would
 * leave the site running for ever.
 */
function parentIsGone(): Promise<void> {
  return new Promise((resolve) => {
    if (process.channel) process.once('disconnect', () => resolve())
  })
}
