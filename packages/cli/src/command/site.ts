import { type Command, Option } from 'commander'
import { grantSiteRole } from '../site/grant-site-role.ts'
import { withMain } from '../site/main-database.ts'
import { callSite, siteAddress } from '../site/site-client.ts'
import type { CommandContext } from './context.ts'
import { examples } from './exit-codes.ts'
import { addSiteOptions, jsonOption, type SiteCommandOptions } from './options.ts'

export function addSiteCommands(program: Command, context: CommandContext): void {
  const site = program.command('site').description('Tell a site what only a person can decide.')
  site
    .command('grant')
    .description('Register a site on main (MAIN_DB_*) and give its database role the least that it needs.')
    .argument('<name>', 'name of the site: its SITE_NAME')
    .addOption(
      new Option(
        '--role <role>',
        'its login role on main: no superuser, no owner of tables',
      ).makeOptionMandatory(),
    )
    .addOption(jsonOption())
    .addHelpText('after', examples(['outpost site grant observatory --role outpost_observatory']))
    .action(async (name: string, options: { readonly role: string; readonly json?: boolean }) => {
      const tables = await withMain(context, (client) => grantSiteRole(client, name, options.role))
      const result = { site: name, role: options.role, tables }
      context.stdout(
        options.json
          ? `${JSON.stringify(result)}\n`
          : `${options.role} may write ${tables.length} tables for ${name}.\n`,
      )
    })
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
