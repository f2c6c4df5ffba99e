import { OutpostError } from 'outpost'
import { grantSite } from 'outpost/migrate'
import type { Client } from 'pg'

/** Who may log in, and what they may do, is decided on main alone: a site reads these tables and never writes them. */
const readOnlyTables = ['user', 'role', 'api_token'] as const

/**
 * Registers a site on main and gives its role what it needs: its own rows of the ledger, to write the service's
 * tables, and to read the rest. Returns the tables that it may write. Errors: `usage_invalid` for an unknown role,
 * `role_unsafe`.
 */
export async function grantSiteRole(client: Client, site: string, role: string): Promise<readonly string[]> {
  const known = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role])
  if (known.rowCount === 0) {
    throw new OutpostError('usage_invalid', `Main has no role ${JSON.stringify(role)}.`, {
      hint: `Make it first: CREATE ROLE ${client.escapeIdentifier(role)} LOGIN PASSWORD '…'`,
    })
  }
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname = 'public' AND tablename <> ALL ($1) ORDER BY 1`,
    [readOnlyTables],
  )
  const tables = rows.map(({ name }) => name)
  await grantSite(client, { role, site, tables })
  await client.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${client.escapeIdentifier(role)}`)
  return tables
}
