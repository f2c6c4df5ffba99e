import type { ClientBase } from 'pg'
import { inverted, type SchemaStep } from '../schema/schema-step.ts'
import type { MigrationStep } from './migrate.ts'
import type { Migration } from './migration.ts'

/** Notes an application's migration as the newest version of the schema, in the database transaction that installs it. */
export async function noteInstalled(
  client: ClientBase,
  step: MigrationStep,
  { lift = [], lower = inverted(lift) }: Migration,
): Promise<void> {
  await note(client, step, { lift, lower, isReverted: false })
}

/** Notes that it was undone: a version of its own, since writes recorded under the undone one are still to come. */
export async function noteReverted(
  client: ClientBase,
  step: MigrationStep,
  { lift = [], lower = inverted(lift) }: Migration,
): Promise<void> {
  await note(client, step, { lift: lower, lower: lift, isReverted: true })
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
