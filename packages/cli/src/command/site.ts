import type { Command } from 'commander'
import { callSite, siteAddress } from '../site/site-client.ts'
import type { CommandContext } from './context.ts'
import { examples } from './exit-codes.ts'
import { addSiteOptions, jsonOption, type SiteCommandOptions } from './options.ts'
import { addReserveKeysCommand } from './site-keys.ts'
import { addSiteRoleCommands } from './site-role.ts'

export function addSiteCommands(program: Command, context: CommandContext): void {
  const site = program.command('site').description('Tell a site what only a person can decide.')
  addSiteRoleCommands(site, context)
  addReserveKeysCommand(site, context)
  addSiteOptions(site.command('accept-main'))
    .description(
      'Accept the present main, which is no descendant of the one that the site wrote to before. Needs the scope admin.',
    )
    .addOption(jsonOption())
    .addHelpText('after', examples(['outpost site accept-main --url http://127.0.0.1:8001']))
    .action(async (options: SiteCommandOptions) => {
      const answer = await callSite(siteAddress(options, context.env), '/site/accept-main', {
        method: 'POST',
      })
      context.stdout(options.json ? `${JSON.stringify(answer)}\n` : 'The site accepts the present main.\n')
    })
  addSiteOptions(site.command('resume'))
    .description(
      'Go on applying after a stop for which somebody had to act, such as ten equal rejections: once the cause is mended. Needs the scope admin.',
    )
    .addOption(jsonOption())
    .addHelpText('after', examples(['outpost site resume --url http://127.0.0.1:8001']))
    .action(async (options: SiteCommandOptions) => {
      const answer = await callSite(siteAddress(options, context.env), '/site/resume', { method: 'POST' })
      context.stdout(options.json ? `${JSON.stringify(answer)}\n` : 'The site goes on applying.\n')
    })
  addSiteOptions(site.command('release-attempts'))
    .description(
      'Wait no longer for other sites to bring what a replaced main lost: references that are still missing count as wrong. Needs the scope admin.',
    )
    .addOption(jsonOption())
    .addHelpText('after', examples(['outpost site release-attempts --url http://127.0.0.1:8001']))
    .action(async (options: SiteCommandOptions) => {
      const answer = await callSite(siteAddress(options, context.env), '/site/release-attempts', {
        method: 'POST',
      })
      context.stdout(
        options.json ? `${JSON.stringify(answer)}\n` : 'Attempts no longer wait for other sites.\n',
      )
    })
}
