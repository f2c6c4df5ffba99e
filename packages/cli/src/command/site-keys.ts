import { type Command, InvalidArgumentError, Option } from 'commander'
import { planKeys } from 'outpost/migrate'
import { withMain } from '../site/main-database.ts'
import type { CommandContext } from './context.ts'
import { examples } from './exit-codes.ts'
import { jsonOption } from './options.ts'

/** Numbers of main's sequences for a site. */
export function addReserveKeysCommand(site: Command, context: CommandContext): void {
  site
    .command('reserve-keys')
    .description(
      'Let a site reserve blocks of numbers of a table that a sequence on main numbers (MAIN_DB_*), so that it can insert rows with main out of reach.',
    )
    .argument('<name>', 'name of the site: its SITE_NAME')
    .argument('<table>', 'the table, such as public.obs_unit')
    .addOption(
      new Option('--block <numbers>', 'numbers at a time: half of them must last an outage')
        .argParser(blockSize)
        .default(10_000),
    )
    .addOption(new Option('--dry-run', 'only check whether it can be done'))
    .addOption(jsonOption())
    .addHelpText('after', examples(['outpost site reserve-keys observatory public.obs_unit --block 10000']))
    .action(
      async (
        name: string,
        table: string,
        { block, dryRun = false, json }: { block: number; dryRun?: boolean; json?: boolean },
      ) => {
        const planned = await withMain(context, (client) =>
          planKeys(client, { site: name, table, blockSize: block }, { isDryRun: dryRun }),
        )
        const { column, blockSize: size } = planned
        const result = { site: name, table: planned.table, column, block_size: size, is_dry_run: dryRun }
        const verb = dryRun ? 'could reserve' : 'reserves'
        context.stdout(
          json
            ? `${JSON.stringify(result)}\n`
            : `${name} ${verb} ${size} numbers of ${planned.table}.${column} at a time.\n`,
        )
      },
    )
}

function blockSize(text: string): number {
  const size = /^\d{1,7}$/.test(text) ? Number(text) : 0
  if (size >= 1 && size <= 1_000_000) return size
  throw new InvalidArgumentError('It must be a whole number from 1 to 1000000.')
}
