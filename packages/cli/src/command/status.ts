import type { Command } from 'commander'
import { type BufferStatistics, type Health, isOutpostError } from 'outpost'
import { renderStatus, type SiteStatus, statusExitCode } from '../output/status.ts'
import { callSite, type SiteAddress, siteAddress } from '../site/site-client.ts'
import type { CommandContext } from './context.ts'
import { examples } from './exit-codes.ts'
import { addSiteOptions, jsonOption, type SiteCommandOptions } from './options.ts'

export function addStatusCommand(program: Command, context: CommandContext): void {
  addSiteOptions(program.command('status'))
    .description('Show whether a site can record, reaches main, and how much waits in its buffer.')
    .addOption(jsonOption())
    .addHelpText('after', examples(['outpost status', 'outpost status --url http://127.0.0.1:8001 --json']))
    .action(async (options: SiteCommandOptions) => {
      const status = await fetchStatus(options, context)
      context.setExitCode(statusExitCode(status.health))
      context.stdout(options.json ? `${JSON.stringify(status)}\n` : renderStatus(status))
    })
}

async function fetchStatus(options: SiteCommandOptions, context: CommandContext): Promise<SiteStatus> {
  const site = siteAddress(options, context.env)
  const health = await callSite(site, '/health')
  const buffer = site.token === undefined ? null : await statisticsUnlessRefused(site, context)
  // The site is the authority on its own contract: its answers are shown, not judged again.
  return { url: site.url, health: health as Health, buffer: buffer as BufferStatistics | null }
}

/** Health is public, the statistics are not: a token that is wrong in the middle of trouble must not hide the former. */
async function statisticsUnlessRefused(site: SiteAddress, context: CommandContext): Promise<unknown> {
  try {
    return await callSite(site, '/buffer-stats')
  } catch (error) {
    if (!isOutpostError(error, 'unauthorized')) throw error
    context.stderr(`note: figures are left out: ${error.message}\n`)
    return null
  }
}
