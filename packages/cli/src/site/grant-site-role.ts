import { OutpostError } from 'outpost'
import { grantSite, revokeSite, type TableGrant } from 'outpost/migrate'
import type { Client } from 'pg'

/** Who may log in, and what they may do, is decided on main alone: a site reads these tables and never writes them. */
const readOnlyTables = ['user', 'role', 'api_token'] as const

export interface RoleRequest {
  readonly site: string
  readonly role: string
  /** As given on the command line: `table` or `table(column, column)`. Left out: those of the service. */
  readonly tables?: readonly string[]
  readonly reads?: readonly string[]
  readonly isDryRun?: boolean
}

export interface RoleChange {
  readonly statements: readonly string[]
  /** Tables that the role may write then. */
  readonly tables: readonly string[]
}

/**
 * Registers a site on main and gives its role what it needs: its own rows of the ledger, to write the tables, and to
 * read the rest. Errors: `usage_invalid` for an unknown role, `role_unsafe`, `unknown_table`, `unknown_column`.
 */
export async function grantSiteRole(client: Client, request: RoleRequest): Promise<RoleChange> {
  const { site, role, isDryRun = false } = request
  const known = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role])
  if (known.rowCount === 0) {
    throw new OutpostError('usage_invalid', `Main has no role ${JSON.stringify(role)}.`, {
      hint: `Make it first: CREATE ROLE ${client.escapeIdentifier(role)} LOGIN PASSWORD '…'`,
    })
  }
  const ofService = await serviceTables(client)
  const tables = request.tables?.map(tableGrant) ?? ofService.written
  const reads = request.reads ?? (request.tables === undefined ? ofService.read : [])
  const statements = await grantSite(client, { role, site, tables, reads }, { isDryRun })
  return { statements, tables: tables.map((table) => (typeof table === 'string' ? table : table.table)) }
}

/** Takes tables, or everything, from the role of a site. Errors: `site_unknown`, `role_unsafe`, `unknown_table`. */
export async function revokeSiteRole(
  client: Client,
  request: Pick<RoleRequest, 'site' | 'tables' | 'isDryRun'>,
): Promise<readonly string[]> {
  const { site, tables, isDryRun = false } = request
  return await revokeSite(client, { site, ...(tables && { tables }) }, { isDryRun })
}

async function serviceTables(client: Client) {
  const { rows } = await client.query<{ name: string; is_written: boolean }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name, tablename <> ALL ($1) AS is_written
     FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`,
    [readOnlyTables],
  )
  const named = (isWritten: boolean) =>
    rows.filter((row) => row.is_written === isWritten).map(({ name }) => name)
  return { written: named(true), read: named(false) }
}

/** `public.raw_data_file(id, name)`: the table alone, or some of its columns. */
function tableGrant(text: string): TableGrant {
  const [, table = '', columns] = /^([^()]+?)\s*(?:\(([^()]+)\))?$/.exec(text.trim()) ?? []
  if (table === '') {
    throw new OutpostError('usage_invalid', `${JSON.stringify(text)} names no table.`, {
      hint: "Write --table public.unit or --table 'public.unit(id, name)'.",
    })
  }
  return columns === undefined ? table : { table, columns: columns.split(',').map((column) => column.trim()) }
}
