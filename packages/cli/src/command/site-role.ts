import { type Command, Option } from 'commander'
import { grantSiteRole, revokeSiteRole } from '../site/grant-site-role.ts'
import { withMain } from '../site/main-database.ts'
import type { CommandContext } from './context.ts'
import { examples } from './exit-codes.ts'
import { jsonOption } from './options.ts'

interface ChangeFlags {
  readonly table?: readonly string[]
  readonly dryRun?: boolean
  readonly json?: boolean
}

const collect = (value: string, before: readonly string[] = []) => [...before, value]
const tableOption = (what: string) => new Option('--table <table>', what).argParser(collect)
const dryRunOption = () => new Option('--dry-run', 'only print the SQL that would be run')

/** What the role of a site may do on main: given, and taken. */
export function addSiteRoleCommands(site: Command, context: CommandContext): void {
  site
    .command('grant')
    .description('Register a site on main (MAIN_DB_*) and give its database role the least that it needs.')
    .argument('<name>', 'name of the site: its SITE_NAME')
    .addOption(
      new Option(
        '--role <role>',
        'its login role on main: no superuser, the owner of nothing, the role of no other site',
      ).makeOptionMandatory(),
    )
    .addOption(
      tableOption(
        'a table that it may write, or some columns of one: table(column,column); repeat it for more; left out: those of the service',
      ),
    )
    .addOption(
      new Option('--read <table>', 'a table that it may read besides; repeat it for more').argParser(collect),
    )
    .addOption(dryRunOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples([
        'outpost site grant observatory --role outpost_observatory',
        'outpost site grant observatory --role outpost_observatory --dry-run',
        "outpost site grant institute --role outpost_institute --table public.note --table 'public.unit(id,name)'",
      ]),
    )
    .action(
      async (
        name: string,
        {
          role,
          table,
          read,
          dryRun = false,
          json,
        }: ChangeFlags & {
          readonly role: string
          readonly read?: readonly string[]
        },
      ) => {
        const given = { ...(table && { tables: table }), ...(read && { reads: read }) }
        const change = await withMain(context, (client) =>
          grantSiteRole(client, { site: name, role, ...given, isDryRun: dryRun }),
        )
        const { tables, statements } = change
        const result = { site: name, role, tables, statements, is_dry_run: dryRun }
        if (json) context.stdout(`${JSON.stringify(result)}\n`)
        else if (dryRun) context.stdout(script(statements))
        else context.stdout(`${role} may write ${tables.length} tables for ${name}.\n`)
      },
    )
  site
    .command('revoke')
    .description(
      'Take tables, or everything, from the database role of a site on main (MAIN_DB_*). What it has recorded stays in its journal and waits.',
    )
    .argument('<name>', 'name of the site: its SITE_NAME')
    .addOption(tableOption('a table to take; repeat it for more; left out: everything'))
    .addOption(dryRunOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples([
        'outpost site revoke institute --table public.note',
        'outpost site revoke institute --dry-run',
      ]),
    )
    .action(async (name: string, { table, dryRun = false, json }: ChangeFlags) => {
      const statements = await withMain(context, (client) =>
        revokeSiteRole(client, { site: name, ...(table && { tables: table }), isDryRun: dryRun }),
      )
      if (json) context.stdout(`${JSON.stringify({ site: name, statements, is_dry_run: dryRun })}\n`)
      else if (dryRun) context.stdout(script(statements))
      else context.stdout(`Taken from the role of ${name}: ${table?.join(', ') ?? 'everything'}.\n`)
    })
}

const script = (statements: readonly string[]): string =>
  `BEGIN;\n${statements.map((statement) => `${statement};\n`).join('')}COMMIT;\n`
