import type { ClientBase } from 'pg'
import { OutpostError } from '../errors/outpost-error.ts'
import { type MigrationStep, migrationLock } from './migrate.ts'
import { type Migration, type MigrationSet, migrationChecksum } from './migration.ts'
import { awaitWriters, lowerOf, noteReverted } from './note-schema-change.ts'

/**
 * Undoes the newest installed migration of an application, in one database transaction. Writes that sites recorded under
 * it are brought to the form before it when they come. Answers what was undone.
 *
 * Errors: `migration_irreversible`, when nothing is installed or the migration has no way back; `migration_changed`, when
 * another text of it is installed; and what PostgreSQL says of its `down`.
 *
 * @example
 * await revert(client, { namespace: 'ops', migrations })
 */
export async function revert(client: ClientBase, set: MigrationSet): Promise<MigrationStep> {
  await client.query('SELECT pg_advisory_lock($1)', [migrationLock])
  try {
    const migration = await newestOf(client, set)
    const step = { namespace: set.namespace, number: migration.number, name: migration.name }
    await undo(client, step, migration)
    return step
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [migrationLock])
  }
}

async function newestOf(
  client: ClientBase,
  { namespace, migrations }: MigrationSet,
): Promise<Migration & { readonly down: string }> {
  const { rows } = await client.query<{ readonly number: number; readonly checksum: string }>(
    'SELECT number, checksum FROM outpost.migration WHERE namespace = $1 ORDER BY number DESC LIMIT 1',
    [namespace],
  )
  const [newest] = rows
  if (newest === undefined) throw irreversible(`No migration of ${namespace} is installed.`)
  const migration = migrations.find(({ number }) => number === newest.number)
  if (migration === undefined || migrationChecksum(migration) !== newest.checksum) {
    throw new OutpostError(
      'migration_changed',
      `Migration ${namespace} ${newest.number} is installed with another content than this version has.`,
      { details: { namespace, number: newest.number } },
    )
  }
  const { down } = migration
  if (down === undefined) throw irreversible(`Migration ${namespace} ${newest.number} has no way back.`)
  return { ...migration, down }
}

async function undo(
  client: ClientBase,
  step: MigrationStep,
  migration: Migration & { readonly down: string },
): Promise<void> {
  await client.query('BEGIN')
  try {
    await awaitWriters(client, lowerOf(migration))
    await client.query(migration.down)
    await client.query('DELETE FROM outpost.migration WHERE namespace = $1 AND number = $2', [
      step.namespace,
      step.number,
    ])
    await noteReverted(client, step, migration)
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}

function irreversible(message: string): OutpostError {
  return new OutpostError('migration_irreversible', message)
}
