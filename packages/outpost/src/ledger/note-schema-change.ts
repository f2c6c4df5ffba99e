import type { ClientBase } from 'pg'
import { inverted, type SchemaStep } from '../schema/schema-step.ts'
import type { MigrationStep } from './migrate.ts'
import type { Migration } from './migration.ts'

/**
 * Waits, at the start of a migration's database transaction, for what others have written of the tables that its steps
 * name and not committed: the migration would not see it, nor they the new version. Whoever writes later waits for it.
 */
export async function awaitWriters(client: ClientBase, steps: readonly SchemaStep[]): Promise<void> {
  const named = steps.flatMap((step) => ('from' in step ? [step.table, step.from] : [step.table]))
  const { rows } = await client.query<{ readonly tables: string | null }>(
    `SELECT string_agg(DISTINCT oid::regclass::text, ', ') AS tables FROM pg_class
     WHERE oid IN (SELECT to_regclass(name) FROM unnest($1::text[]) name) AND relkind IN ('r', 'p')`,
    [named],
  )
  const tables = rows[0]?.tables
  if (tables) await client.query(`LOCK TABLE ${tables} IN SHARE ROW EXCLUSIVE MODE`)
}

/** Notes an application's migration as the newest version of the schema, in the database transaction that installs it. */
export async function noteInstalled(
  client: ClientBase,
  step: MigrationStep,
  migration: Migration,
): Promise<void> {
  const { lift = [] } = migration
  await note(client, step, { lift, lower: lowerOf(migration), isReverted: false })
}

/** Notes that it was undone: a version of its own, since writes recorded under the undone one are still to come. */
export async function noteReverted(
  client: ClientBase,
  step: MigrationStep,
  migration: Migration,
): Promise<void> {
  const { lift = [] } = migration
  await note(client, step, { lift: lowerOf(migration), lower: lift, isReverted: true })
}

/** What its way back means for writes that were recorded after it. */
export function lowerOf({ lift = [], lower = inverted(lift) }: Migration): readonly SchemaStep[] {
  return lower
}

interface Change {
  readonly lift: readonly SchemaStep[]
  readonly lower: readonly SchemaStep[]
  readonly isReverted: boolean
}

/** Where Outpost's own tables are missing or of an earlier version nobody needs to know. */
async function note(
  client: ClientBase,
  { namespace, number, name }: MigrationStep,
  change: Change,
): Promise<void> {
  const found = await client.query<{ isKept: boolean }>(
    `SELECT to_regclass('outpost.schema_change') IS NOT NULL AS "isKept"`,
  )
  if (found.rows[0]?.isKept !== true) return
  await client.query('SELECT outpost.note_schema_change($1, $2, $3, $4, $5, $6)', [
    namespace,
    number,
    `${namespace} ${number} ${name}`,
    JSON.stringify(change.lift),
    JSON.stringify(change.lower),
    change.isReverted,
  ])
}
