import { type Configuration, databaseOf, loadConfiguration } from '@outpost/ops-db-api/setup'
import { isOutpostError, OutpostError } from 'outpost'
import { connectionConfig, DatabaseClient, type SiteDatabase, tlsAdvice } from 'outpost/site'
import { type Client, DatabaseError } from 'pg'
import type { CommandContext } from '../command/context.ts'
import { configurationSources } from './configuration-sources.ts'

const connectTimeoutMs = 10_000

/** What a command on main does not need, though a site would: only `MAIN_DB_*` must be given. */
const notNeeded = { SITE_NAME: 'main', SITE_TYPE: 'main', SECRET_KEY: 'not needed by this command' }

/**
 * Connects to main as the settings say (`MAIN_DB_*`), directly or through a session-mode pooler, and ends the
 * connection afterwards. Errors: `config_invalid`, `main_unreachable`, `not_migrated`.
 */
export async function withMain<Result>(
  context: CommandContext,
  use: (client: Client, configuration: Configuration) => Promise<Result>,
): Promise<Result> {
  const sources = await configurationSources(context)
  const configuration = loadConfiguration({ ...sources, env: { ...sources.env, ...notNeeded } })
  const database = databaseOf(configuration.main)
  const explained = async (client: Client) => {
    try {
      return await use(client, configuration)
    } catch (error) {
      throw statementError(database, error)
    }
  }
  return withClient(connectionConfig(database, { applicationName: 'outpost' }), explained, (cause) =>
    connectionError(database, cause),
  )
}

/** Opens one connection, hands it over and ends it. */
export async function withClient<Result>(
  config: ConstructorParameters<typeof DatabaseClient>[0],
  use: (client: Client) => Promise<Result>,
  explain: (error: unknown) => unknown = (error) => error,
): Promise<Result> {
  const client = new DatabaseClient({ ...config, connectionTimeoutMillis: connectTimeoutMs })
  // A server that goes away is reported by the query that was running.
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    throw explain(error)
  }
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** A server that refuses us is configured wrongly; one that does not answer is away. */
function connectionError(main: SiteDatabase, cause: unknown): OutpostError {
  const place = `${main.user}@${main.host}:${main.port}/${main.database}`
  const said =
    cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : String(cause)
  // The driver fails by itself, without a word of the server, where it has no password to answer with.
  const isHandshake = said.startsWith('SASL: ')
  const reason =
    isHandshake && main.password === undefined
      ? 'it asks for a password, and MAIN_DB_PASSWORD has none'
      : said
  if (isHandshake || (cause instanceof DatabaseError && /^(28|3D)/.test(cause.code ?? ''))) {
    return new OutpostError('config_invalid', `Main refuses the connection ${place}: ${reason}.`, {
      hint: 'Check MAIN_DB_USER, MAIN_DB_PASSWORD and MAIN_DB_NAME, and MAIN_DB_SSLMODE where main takes only encrypted connections.',
      cause,
    })
  }
  if (isOutpostError(cause)) return cause
  const advice = tlsAdvice(cause)
  if (advice !== undefined) {
    return new OutpostError(
      'config_invalid',
      `The encryption of the connection ${place} failed: ${reason}.`,
      { hint: advice, cause },
    )
  }
  return new OutpostError('main_unreachable', `Main does not answer at ${place}: ${reason}.`, {
    hint: 'Check MAIN_DB_HOST and MAIN_DB_PORT, and whether the server runs.',
    cause,
  })
}

/** What an error of a statement says about main or the role; any other error stays as it is. */
function statementError({ host, port, user, database }: SiteDatabase, error: unknown): unknown {
  const place = `${host}:${port}/${database}`
  if (!(error instanceof DatabaseError)) return error
  switch (error.code ?? '') {
    case '42P01':
    case '3F000':
    case '42883':
      return new OutpostError('not_migrated', `Main at ${place} lacks the schema: ${error.message}.`, {
        cause: error,
      })
    case '42501':
      return new OutpostError(
        'config_invalid',
        `The role "${user}" may not do this on main: ${error.message}.`,
        {
          hint: 'Set MAIN_DB_USER to the owner of the database for this command.',
          cause: error,
        },
      )
    case '25006':
      return new OutpostError('config_invalid', `The server at ${place} is a replica: ${error.message}.`, {
        hint: 'Set MAIN_DB_HOST and MAIN_DB_PORT to main.',
        cause: error,
      })
    default:
      return error
  }
}
