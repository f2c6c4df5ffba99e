import type { ClientBase } from 'pg'
import { OutpostError } from '../errors/outpost-error.ts'
import { setConflictPolicy } from './conflict-policies.ts'
import { type Migration, type MigrationSet, migrationChecksum, outpostMigrations } from './migration.ts'
import { awaitWriters, noteInstalled } from './note-schema-change.ts'

export interface MigrateOptions {
  /** Only say what would be installed. */
  readonly isDryRun?: boolean
}

export interface MigrationStep {
  readonly namespace: string
  readonly number: number
  readonly name: string
}

export interface MigrateResult {
  /** Installed by this call, or what would be on a dry run; in order. */
  readonly installed: readonly MigrationStep[]
  /** Found installed and unchanged. */
  readonly present: readonly MigrationStep[]
}

/** Any constant will do: one migrate at a time per database. */
export const migrationLock = 0x6f757470

/**
 * Installs the missing migrations on main, each in its own database transaction, under an advisory lock; safe to run
 * again and to run twice at once. Then declares the conflict policies that the sets have. The client must be connected directly or through a session-mode pooler.
 *
 * Errors: `migration_on_replica`, `encoding_refused`, `migration_changed` (an installed one differs, or the database is newer than
 * this code), `conflicts_refused` (a policy that a set declares), and what PostgreSQL says of the SQL.
 *
 * @example
 * await migrate(client, [outpostMigrations])
 */
export async function migrate(
  client: ClientBase,
  sets: readonly MigrationSet[],
  options: MigrateOptions = {},
): Promise<MigrateResult> {
  await refuseReplica(client)
  await refuseEncoding(client)
  if (options.isDryRun) return plan(sets, await installedRows(client))
  await client.query('SELECT pg_advisory_lock($1)', [migrationLock])
  try {
    await bootstrap(client)
    const result = plan(sets, await installedRows(client))
    for (const step of result.installed) await install(client, step, migrationOf(sets, step))
    for (const [table, policy] of sets.flatMap(({ conflicts = {} }) => Object.entries(conflicts)))
      await setConflictPolicy(client, table, policy)
    return result
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [migrationLock])
  }
}

interface InstalledRow {
  readonly namespace: string
  readonly number: number
  readonly checksum: string
}

/** Pure: what is missing and what is there; refuses a history that differs from the code's. */
function plan(sets: readonly MigrationSet[], rows: readonly InstalledRow[]): MigrateResult {
  const installed: MigrationStep[] = []
  const present: MigrationStep[] = []
  for (const set of sets) {
    const known = new Map(
      rows.filter((row) => row.namespace === set.namespace).map((row) => [row.number, row.checksum]),
    )
    for (const migration of set.migrations) {
      const step = { namespace: set.namespace, number: migration.number, name: migration.name }
      const checksum = known.get(migration.number)
      if (checksum !== undefined && checksum !== migrationChecksum(migration)) throw changed(step)
      ;(checksum === undefined ? installed : present).push(step)
      known.delete(migration.number)
    }
    const newer = [...known.keys()].sort((a, b) => a - b)[0]
    if (newer !== undefined) throw unknownToCode(set.namespace, newer)
  }
  return { installed, present }
}

async function refuseReplica(client: ClientBase): Promise<void> {
  const answer = await client.query<{ is_replica: boolean }>('SELECT pg_is_in_recovery() AS is_replica')
  if (answer.rows[0]?.is_replica === true) {
    throw new OutpostError(
      'migration_on_replica',
      'The server is in recovery: it is a replica and takes no migrations.',
    )
  }
}

/**
 * What a site takes is any text that JSON holds. A database of another encoding refuses a call that holds such a text
 * before the call begins, and every merged read of the table that it waits for.
 */
async function refuseEncoding(client: ClientBase): Promise<void> {
  const answer = await client.query<{ encoding: string }>(
    `SELECT current_setting('server_encoding') AS encoding`,
  )
  const encoding = answer.rows[0]?.encoding
  if (encoding === 'UTF8') return
  throw new OutpostError('encoding_refused', `The database is encoded in ${encoding}, not in UTF8.`, {
    details: { encoding },
  })
}

async function bootstrap(client: ClientBase): Promise<void> {
  await client.query(`
    CREATE SCHEMA IF NOT EXISTS outpost;
    CREATE TABLE IF NOT EXISTS outpost.migration (
      namespace text NOT NULL,
      number integer NOT NULL,
      name text NOT NULL,
      checksum text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (namespace, number)
    )`)
}

async function installedRows(client: ClientBase): Promise<readonly InstalledRow[]> {
  const exists = await client.query<{ exists: boolean }>(
    `SELECT to_regclass('outpost.migration') IS NOT NULL AS exists`,
  )
  if (exists.rows[0]?.exists !== true) return []
  return (await client.query<InstalledRow>('SELECT namespace, number, checksum FROM outpost.migration')).rows
}

async function install(client: ClientBase, step: MigrationStep, migration: Migration): Promise<void> {
  await client.query('BEGIN')
  try {
    await awaitWriters(client, migration.lift ?? [])
    await client.query(migration.sql)
    await client.query(
      'INSERT INTO outpost.migration (namespace, number, name, checksum) VALUES ($1, $2, $3, $4)',
      [step.namespace, step.number, step.name, migrationChecksum(migration)],
    )
    if (step.namespace !== outpostMigrations.namespace) await noteInstalled(client, step, migration)
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}

function migrationOf(sets: readonly MigrationSet[], step: MigrationStep): Migration {
  const set = sets.find((candidate) => candidate.namespace === step.namespace)
  return set!.migrations.find((candidate) => candidate.number === step.number)!
}

function changed(step: MigrationStep): OutpostError {
  return new OutpostError(
    'migration_changed',
    `Migration ${step.namespace} ${step.number} (${step.name}) is installed with another content.`,
    { details: { ...step } },
  )
}

function unknownToCode(namespace: string, number: number): OutpostError {
  return new OutpostError(
    'migration_changed',
    `The database has migration ${namespace} ${number}, which this version does not know.`,
    {
      hint: 'Run the newer version that installed it.',
      details: { namespace, number },
    },
  )
}
