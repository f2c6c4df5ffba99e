import { opsDbMigrations, seedReferenceData } from '@outpost/ops-db-api/setup'
import { type Command, Option } from 'commander'
import { type MigrateResult, type MigrationStep, migrate, outpostMigrations } from 'outpost/migrate'
import { withMain } from '../site/main-database.ts'
import type { CommandContext } from './context.ts'
import { examples } from './exit-codes.ts'
import { jsonOption } from './options.ts'

interface MigrateCommandOptions {
  readonly dryRun?: boolean
  readonly referenceData?: boolean
  readonly json?: boolean
}

export function addMigrateCommand(program: Command, context: CommandContext): void {
  program
    .command('migrate')
    .description(
      'Install or upgrade schema, ledger and apply procedure on main (MAIN_DB_*), and declare CONFLICT_POLICIES there. A replica is refused.',
    )
    .addOption(new Option('--dry-run', 'only say what would be installed'))
    .addOption(
      new Option(
        '--reference-data',
        'also load the observatory, telescope, instruments, programs, sources and units that come with the service',
      ).conflicts('dryRun'),
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples([
        'outpost migrate --dry-run',
        'outpost migrate --reference-data',
        'MAIN_DB_HOST=main.example.org outpost migrate',
      ]),
    )
    .action(async (options: MigrateCommandOptions) => {
      const isDryRun = options.dryRun === true
      const loadsReferenceData = options.referenceData === true
      const result = await withMain(context, async (client, { conflictPolicies: conflicts = {} }) => {
        const sets = [outpostMigrations, { ...opsDbMigrations, conflicts }]
        const installed = await migrate(client, sets, { isDryRun })
        if (loadsReferenceData) await seedReferenceData(client)
        return installed
      })
      context.stdout(
        options.json
          ? `${JSON.stringify({ ...result, dry_run: isDryRun, reference_data: loadsReferenceData })}\n`
          : `${renderMigration(result, isDryRun)}${loadsReferenceData ? 'The reference data is loaded.\n' : ''}`,
      )
    })
}

/** What was installed, or would be, in order. */
function renderMigration(result: MigrateResult, isDryRun: boolean): string {
  const verb = isDryRun ? 'would install' : 'installed'
  if (result.installed.length === 0)
    return `Nothing to install: all ${result.present.length} migrations are there.\n`
  const lines = result.installed.map((step) => `${verb} ${describeStep(step)}\n`).join('')
  return `${lines}${result.present.length} were there already.\n`
}

function describeStep(step: MigrationStep): string {
  return `${step.namespace} ${String(step.number).padStart(3, '0')} ${step.name}`
}
