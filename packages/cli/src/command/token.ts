import { createToken, isScope, scopes as knownScopes, type Scope } from '@outpost/ops-db-api/setup'
import { type Command, InvalidArgumentError } from 'commander'
import { withMain } from '../site/main-database.ts'
import type { CommandContext } from './context.ts'
import { examples } from './exit-codes.ts'
import { jsonOption } from './options.ts'

interface TokenOptions {
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly user?: string
  readonly expires?: Date
  readonly json?: boolean
}

export function addTokenCommands(program: Command, context: CommandContext): void {
  const token = program.command('token').description('Make API tokens on main (MAIN_DB_*).')
  token
    .command('create')
    .description(
      'Make an API token and print it once; main keeps only its hash. Sites know it within seconds.',
    )
    .requiredOption('--name <name>', 'what it is for')
    .requiredOption('--scopes <scopes>', 'read, write or admin, separated by commas', parseScopes)
    .option('--user <username>', 'the user that it acts for')
    .option(
      '--expires <time>',
      'when it ends: a date, a time in ISO 8601, or 90d, 12h, 30min from now',
      parseExpiry,
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples([
        'outpost token create --name telescope --scopes read,write',
        'outpost token create --name guest --scopes read --expires 30d --json',
      ]),
    )
    .action(async ({ name, scopes, user, expires, json }: TokenOptions) => {
      const request = {
        name,
        scopes,
        ...(user === undefined ? {} : { username: user }),
        ...(expires === undefined ? {} : { expiresAt: expires }),
      }
      const created = await withMain(context, (client) => createToken(client, request))
      if (!json) context.stderr('This is the only time that the token is shown.\n')
      const expiresAt = expires?.toISOString() ?? null
      context.stdout(
        json
          ? `${JSON.stringify({ ...created, name, scopes, expires_at: expiresAt })}\n`
          : `${created.token}\n`,
      )
    })
}

/** Parses `read,write`. */
function parseScopes(text: string): readonly Scope[] {
  const scopes = text.split(',').map((scope) => scope.trim())
  const unknown = scopes.find((scope) => !isScope(scope))
  if (unknown !== undefined)
    throw new InvalidArgumentError(`"${unknown}" is none of ${knownScopes.join(', ')}.`)
  return [...new Set(scopes.filter(isScope))]
}

const unitMs = { d: 86_400_000, h: 3_600_000, min: 60_000 } as const

/** Parses a time to come: `2027-01-31`, `2027-01-31T12:00:00Z`, or `90d`, `12h`, `30min` from now. */
function parseExpiry(text: string, _previous?: unknown, nowMs: number = Date.now()): Date {
  const span = /^(\d{1,6})(d|h|min)$/.exec(text)
  const isIso = /^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2}))?$/.test(text)
  const timeMs = span
    ? nowMs + Number(span[1]) * unitMs[span[2] as keyof typeof unitMs]
    : isIso
      ? Date.parse(text)
      : Number.NaN
  if (Number.isNaN(timeMs))
    throw new InvalidArgumentError('It must be like 2027-01-31, 2027-01-31T12:00:00Z, 90d, 12h or 30min.')
  if (timeMs <= nowMs) throw new InvalidArgumentError('It must lie in the future.')
  return new Date(timeMs)
}
