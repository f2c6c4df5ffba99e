import type { ClientBase } from 'pg'
import { OutpostError } from '../errors/outpost-error.ts'
import { fullRevocations, grantStatements, type PlannedTable, tableRevocations } from './grant-plan.ts'
import { refuseUnsafeRole } from './site-role.ts'

/** A table, or some of its columns: what is not named can then be neither inserted nor updated, and no row deleted. */
export type TableGrant = string | { readonly table: string; readonly columns: readonly string[] }

export interface SiteGrant {
  /** An existing login role that owns nothing and is bound by row-level security. */
  readonly role: string
  readonly site: string
  /** What the site records to; tables are written as in SQL (`public.raw_data_file`). */
  readonly tables: readonly TableGrant[]
  /** What it may read besides. */
  readonly reads?: readonly string[]
}

export interface SiteRevocation {
  readonly site: string
  /** Left out: everything that its role may do in this database, and its settings. */
  readonly tables?: readonly string[]
}

interface ChangeOptions {
  /** Only say what would be done. */
  readonly isDryRun?: boolean
}

/**
 * Registers a site on main and gives its role the least that it needs: its own ledger, epoch and heartbeat rows
 * (row-level security compares `outpost.site.role_name`) and the named tables. Run by the owner of the schema;
 * repeating it is safe. Answers the statements that it ran. Errors: `role_unsafe`, `unknown_table`, `unknown_column`.
 *
 * @example
 * await grantSite(client, { role: 'observatory', site: 'observatory', tables: ['public.raw_data_file'] })
 */
export async function grantSite(
  client: ClientBase,
  { role, site, tables, reads = [] }: SiteGrant,
  options: ChangeOptions = {},
): Promise<readonly string[]> {
  await refuseUnsafeRole(client, role, site)
  const planned: PlannedTable[] = []
  for (const table of tables) planned.push(await resolve(client, table))
  const read: PlannedTable[] = []
  for (const table of reads) read.push(await resolve(client, table))
  return run(client, grantStatements({ role, site, tables: planned, reads: read }), options)
}

/**
 * Takes tables, or everything, from the role of a site. What the site has recorded stays in its journal: transactions
 * on a table that was taken wait as `stuck`, and all of them where everything was. The ledger keeps its rows. Answers the
 * statements that it ran. Errors: `site_unknown`, `role_unsafe`, `unknown_table`.
 */
export async function revokeSite(
  client: ClientBase,
  { site, tables }: SiteRevocation,
  options: ChangeOptions = {},
): Promise<readonly string[]> {
  const { rows } = await client.query<{ role: string }>(
    'SELECT role_name::text AS role FROM outpost.site WHERE name = $1',
    [site],
  )
  const role = rows[0]?.role
  if (role === undefined) throw new OutpostError('site_unknown', `Main knows no site "${site}".`)
  // Else it could be the owner, who would take the tables from himself.
  await refuseUnsafeRole(client, role, site)
  if (tables === undefined) return run(client, fullRevocations(role, await schemasOf(client, role)), options)
  const planned: PlannedTable[] = []
  for (const table of tables) planned.push(await resolve(client, table))
  return run(client, tableRevocations(role, planned), options)
}

async function run(
  client: ClientBase,
  statements: readonly string[],
  { isDryRun = false }: ChangeOptions,
): Promise<readonly string[]> {
  if (isDryRun) return statements
  await client.query('BEGIN')
  try {
    for (const statement of statements) await client.query(statement)
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
  return statements
}

/** The server resolves the name first, so that only an existing table's own name becomes SQL text. */
async function resolve(client: ClientBase, grant: TableGrant): Promise<PlannedTable> {
  const { table, columns } = typeof grant === 'string' ? { table: grant, columns: undefined } : grant
  const { rows } = await client.query<{
    readonly name: string
    readonly schema: string
    readonly columns: readonly string[]
    readonly sequences: readonly string[]
  }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name, n.nspname AS schema,
            ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
            ARRAY(SELECT format('%I.%I', m.nspname, s.relname) FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
                  JOIN pg_namespace m ON m.oid = s.relnamespace
                  WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
                    AND d.deptype = 'a' ORDER BY 1) AS sequences
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p')`,
    [table],
  )
  const [found] = rows
  if (found === undefined) throw new OutpostError('unknown_table', `Main has no table ${table}.`)
  const missing = columns?.filter((column) => !found.columns.includes(column)) ?? []
  if (missing.length > 0) {
    throw new OutpostError('unknown_column', `The table ${table} has no column ${missing.join(', ')}.`)
  }
  const { name, schema, sequences } = found
  return { name, schema, sequences, ...(columns && { columns }) }
}

/** Schemas in which a role has been given something. */
async function schemasOf(client: ClientBase, role: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ schema: string }>(
    `SELECT DISTINCT n.nspname AS schema FROM pg_namespace n
     WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND (
       EXISTS (SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee = to_regrole($1))
       OR EXISTS (SELECT FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = n.oid AND a.grantee = to_regrole($1))
     ) ORDER BY 1`,
    [pgIdentifier(role)],
  )
  return rows.map(({ schema }) => schema)
}

const pgIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`
