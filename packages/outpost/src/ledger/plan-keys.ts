import { type ClientBase, DatabaseError } from 'pg'
import { OutpostError } from '../errors/outpost-error.ts'

export interface KeyPlanRequest {
  readonly site: string
  /** As SQL writes it: `public.obs_unit`. */
  readonly table: string
  /** Numbers at a time, 1 to 1,000,000: as many as the site may need in its longest outage, twice. */
  readonly blockSize: number
}

export interface PlannedKeys {
  readonly site: string
  readonly table: string
  readonly column: string
  readonly blockSize: number
}

/**
 * Lets a site reserve numbers of a table whose primary key a sequence numbers, so that it can insert rows with main out
 * of reach. The site fetches its first block when it next reaches main. Run by the owner of the schema; repeating it
 * changes the size of the blocks to come. Errors: `keys_refused`.
 *
 * @example
 * await planKeys(client, { site: 'observatory', table: 'public.obs_unit', blockSize: 10_000 })
 */
export async function planKeys(
  client: ClientBase,
  { site, table, blockSize }: KeyPlanRequest,
  options: { readonly isDryRun?: boolean } = {},
): Promise<PlannedKeys> {
  await client.query('BEGIN')
  try {
    const { rows } = await client.query<PlannedKeys>(
      `SELECT site, table_name AS "table", column_name AS "column", block_size AS "blockSize" FROM outpost.plan_keys($1, $2, $3)`,
      [site, table, blockSize],
    )
    await client.query(options.isDryRun ? 'ROLLBACK' : 'COMMIT')
    return rows[0]!
  } catch (error) {
    await client.query('ROLLBACK')
    throw refused(error)
  }
}

/** What the function on main refuses, and a block of an impossible size, is no failure of main. */
function refused(error: unknown): unknown {
  if (!(error instanceof DatabaseError) || (error.code !== 'OP005' && error.code !== '23514')) return error
  return new OutpostError('keys_refused', `Numbers cannot be reserved: ${error.message}.`, {
    ...(error.hint !== undefined && { hint: error.hint }),
    cause: error,
  })
}
