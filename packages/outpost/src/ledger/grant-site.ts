import type { ClientBase } from 'pg'
import { sessionSettings } from '../postgres/session-settings.ts'
import { refuseUnsafeRole } from './site-role.ts'

export interface SiteGrant {
  /** An existing login role that owns no table and is bound by row-level security. */
  readonly role: string
  readonly site: string
  /** Tables that the site records to, as SQL writes them (`public.raw_data_file`). */
  readonly tables: readonly string[]
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

/**
 * Registers a site on main and gives its role the least that it needs: its own ledger, epoch and heartbeat rows
 * (row-level security compares `outpost.site.role_name`) and the named tables. Run by the owner of the schema;
 * repeating it is safe. The role also gets time-outs that notice a client that is gone (N8), no JIT, which takes
 * seconds to compile a large merged read, and the forms in which a site reads values, so that they hold behind a pooler
 * too. Error: `role_unsafe`.
 *
 * @example
 * await grantSite(client, { role: 'observatory', site: 'observatory', tables: ['public.raw_data_file'] })
 */
export async function grantSite(client: ClientBase, grant: SiteGrant): Promise<void> {
  const role = quote(grant.role)
  await refuseUnsafeRole(client, grant.role)
  await client.query('BEGIN')
  try {
    await client.query(
      `INSERT INTO outpost.site (name, role_name) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET role_name = excluded.role_name`,
      [grant.site, grant.role],
    )
    await client.query(`
      GRANT USAGE ON SCHEMA outpost TO ${role};
      GRANT SELECT ON ALL TABLES IN SCHEMA outpost TO ${role};
      GRANT UPDATE (epoch, term, hello_at, last_call_at, redriven_lineage) ON outpost.site TO ${role};
      GRANT INSERT, UPDATE ON outpost.epoch, outpost.heartbeat TO ${role};
      GRANT INSERT ON outpost.decided TO ${role};
      GRANT INSERT, DELETE ON outpost.ledger TO ${role};
      GRANT INSERT, DELETE ON outpost.idempotency TO ${role};
      GRANT EXECUTE ON ALL ROUTINES IN SCHEMA outpost TO ${role};
      ALTER ROLE ${role} SET lock_timeout = '10s';
      ALTER ROLE ${role} SET tcp_user_timeout = '30s';
      ALTER ROLE ${role} SET client_connection_check_interval = '5s';
      ALTER ROLE ${role} SET jit = off`)
    for (const [name, value] of sessionSettings)
      await client.query(`ALTER ROLE ${role} SET ${name} = '${value}'`)
    for (const table of grant.tables) await grantTable(client, table, role)
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}

/** The name is resolved by the server first, so that only an existing table's own name becomes SQL text. */
async function grantTable(client: ClientBase, table: string, role: string): Promise<void> {
  const found = await client.query<{ name: string; schema: string }>(
    `SELECT c.oid::regclass::text AS name, n.nspname AS schema
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::regclass`,
    [table],
  )
  const { name, schema } = found.rows[0]!
  await client.query(`GRANT USAGE ON SCHEMA ${quote(schema)} TO ${role}`)
  await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${name} TO ${role}`)
}
