import { type Command, Option } from 'commander'
import { type ConflictPolicy, OutpostError } from 'outpost'
import {
  conflictPolicies,
  type DeclaredPolicy,
  type PolicyDeclaration,
  setConflictPolicy,
} from 'outpost/migrate'
import { type ConflictDocument, renderConflicts } from '../output/conflicts.ts'
import { renderTable } from '../output/table.ts'
import { withMain } from '../site/main-database.ts'
import { callSite, siteAddress } from '../site/site-client.ts'
import type { CommandContext } from './context.ts'
import { examples } from './exit-codes.ts'
import { addSiteOptions, jsonOption, type SiteCommandOptions, wholeNumber } from './options.ts'

interface ListOptions extends SiteCommandOptions {
  readonly table?: string
  readonly limit: number
  readonly before?: number
}

interface SetOptions {
  readonly function?: string
  readonly ahead?: number
  readonly json?: boolean
}

const policies = [
  'column_merge',
  'compare_and_set',
  'last_writer',
  'append_only',
  'function',
] as const satisfies readonly ConflictPolicy[]

/** What becomes of changes of the same row by several sites: declared on main, told by every site. */
export function addConflictCommands(program: Command, context: CommandContext): void {
  const conflicts = program
    .command('conflicts')
    .description('Say what becomes of a row that two sites change at once, and see where that happened.')
  addListCommand(conflicts, context)
  conflicts
    .command('policies')
    .description(
      'List the conflict policies that main has (MAIN_DB_*). A table without one merges by column.',
    )
    .addOption(jsonOption())
    .addHelpText('after', examples(['outpost conflicts policies']))
    .action(async ({ json }: { json?: boolean }) => {
      const found = await withMain(context, (client) => conflictPolicies(client))
      context.stdout(json ? `${JSON.stringify(found)}\n` : renderPolicies(found))
    })
  addSetCommand(conflicts, context)
  conflicts
    .command('unset')
    .description('Take the conflict policy of a table back (MAIN_DB_*): it merges by column then.')
    .argument('<table>', 'the table, such as public.executed_obs_unit')
    .addOption(jsonOption())
    .addHelpText('after', examples(['outpost conflicts unset public.executed_obs_unit']))
    .action(async (table: string, { json }: { json?: boolean }) => {
      const name = await withMain(context, (client) => setConflictPolicy(client, table, undefined))
      context.stdout(
        json ? `${JSON.stringify({ table: name, policy: null })}\n` : `${name} merges by column.\n`,
      )
    })
}

function addListCommand(conflicts: Command, context: CommandContext): void {
  addSiteOptions(conflicts.command('list'))
    .description('List the conflicts that a site had a part in, newest first: what was seen, wanted and met.')
    .option('--table <table>', 'only of this table, such as public.executed_obs_unit')
    .option('--limit <count>', 'how many', wholeNumber(1, 500), 50)
    .option('--before <id>', 'go on before this one', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .addOption(jsonOption())
    .addHelpText('after', examples(['outpost conflicts list --table public.executed_obs_unit']))
    .action(async (options: ListOptions) => {
      const query = new URLSearchParams({ limit: String(options.limit) })
      if (options.table !== undefined) query.set('table', options.table)
      if (options.before !== undefined) query.set('before', String(options.before))
      const page = (await callSite(siteAddress(options, context.env), `/conflicts?${query.toString()}`)) as {
        readonly items: readonly ConflictDocument[]
        readonly next_before: string | null
      }
      context.stdout(
        options.json ? `${JSON.stringify(page)}\n` : renderConflicts(page.items, page.next_before),
      )
    })
}

function addSetCommand(conflicts: Command, context: CommandContext): void {
  conflicts
    .command('set')
    .description(
      "Declare a table's conflict policy on main (MAIN_DB_*). It holds from the next batch of each site on.",
    )
    .argument('<table>', 'the table, such as public.executed_obs_unit')
    .argument('<policy>', policies.join(', '))
    .option('--function <name>', 'of the policy function: schema.name of the SQL function')
    .addOption(
      new Option('--ahead <ms>', "of last_writer: how far a site's clock may be ahead of main's").argParser(
        wholeNumber(0, 86_400_000),
      ),
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples([
        'outpost conflicts set public.executed_obs_unit compare_and_set',
        'outpost conflicts set public.note function --function public.merge_notes',
      ]),
    )
    .action(async (table: string, policy: string, options: SetOptions) => {
      const declaration = declarationOf(policy, options)
      const name = await withMain(context, (client) => setConflictPolicy(client, table, declaration))
      context.stdout(options.json ? `${JSON.stringify({ table: name, policy })}\n` : `${name}: ${policy}.\n`)
    })
}

/** Error: `usage_invalid`. */
function declarationOf(text: string, { function: name, ahead }: SetOptions): PolicyDeclaration {
  const policy = policies.find((known) => known === text)
  if (policy === undefined)
    throw usage(`There is no policy ${JSON.stringify(text)}: they are ${policies.join(', ')}.`)
  if ((policy === 'function') !== (name !== undefined))
    throw usage('--function NAME belongs to the policy function, and to no other.')
  if (ahead !== undefined && policy !== 'last_writer')
    throw usage('--ahead belongs to the policy last_writer.')
  if (name !== undefined) return { function: name }
  if (ahead !== undefined) return { policy: 'last_writer', aheadMs: ahead }
  return policy as Exclude<ConflictPolicy, 'function'>
}

function usage(message: string): OutpostError {
  return new OutpostError('usage_invalid', message)
}

function renderPolicies(found: readonly DeclaredPolicy[]): string {
  if (found.length === 0) return 'No policies: every table merges by column.\n'
  return renderTable<DeclaredPolicy>(
    [
      { title: 'TABLE', value: ({ table }) => table },
      { title: 'POLICY', value: ({ policy }) => policy },
      { title: 'FUNCTION', value: ({ function: name }) => name ?? '' },
    ],
    found,
  )
}
