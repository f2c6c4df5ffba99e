import type { ClientBase } from 'pg'
import { OutpostError } from '../errors/outpost-error.ts'

interface RoleFacts {
  readonly is_superuser: boolean
  readonly bypasses_rls: boolean
  readonly makes_roles: boolean
  readonly replicates: boolean
  readonly predefined: readonly string[] | null
  readonly owned: string | null
  readonly creates_in: string | null
  readonly other_site: string | null
}

/** Predefined roles that read or write past every grant, run programs, or end other sites' sessions. */
const forbiddenMemberships = [
  'pg_write_all_data',
  'pg_read_all_data',
  'pg_execute_server_program',
  'pg_read_server_files',
  'pg_write_server_files',
  'pg_signal_backend',
  'pg_database_owner',
  'pg_maintain',
]

/**
 * What the role may do itself or through any role that it is a member of: it could become that one by SET ROLE. Who may
 * create something in a schema could put a function or an operator in the way of somebody with more rights.
 */
const factsSql = `
  SELECT coalesce(bool_or(other.rolsuper), false) AS is_superuser,
         coalesce(bool_or(other.rolbypassrls), false) AS bypasses_rls,
         coalesce(bool_or(other.rolcreaterole), false) AS makes_roles,
         coalesce(bool_or(other.rolreplication), false) AS replicates,
         array_agg(other.rolname::text ORDER BY other.rolname) FILTER (WHERE other.rolname = ANY ($2)) AS predefined,
         (SELECT min(pg_describe_object(d.classid, d.objid, d.objsubid))
          FROM pg_shdepend d LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
          WHERE d.deptype = 'o' AND d.refclassid = 'pg_authid'::regclass AND c.relpersistence IS DISTINCT FROM 't'
            AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND pg_has_role(me.oid, d.refobjid, 'MEMBER')) AS owned,
         coalesce(
           (SELECT 'database ' || quote_ident(current_database()) WHERE has_database_privilege(me.oid, current_database(), 'CREATE')),
           (SELECT min('schema ' || quote_ident(n.nspname)) FROM pg_namespace n
            WHERE n.nspname !~ '^pg_(toast_)?temp_' AND has_schema_privilege(me.oid, n.oid, 'CREATE'))) AS creates_in,
         (SELECT min(s.name) FROM outpost.site s JOIN pg_roles r ON r.rolname = s.role_name
          WHERE s.name <> $3 AND pg_has_role(me.oid, r.oid, 'MEMBER')) AS other_site
  FROM pg_roles me JOIN pg_roles other ON pg_has_role(me.oid, other.oid, 'MEMBER')
  WHERE me.rolname = $1
  GROUP BY me.oid`

/**
 * Refuses a role that row-level security would not bind to its own site: whoever holds its password could write and
 * fence other sites' ledgers, or gain more rights. A role that does not exist passes. Error: `role_unsafe`.
 */
export async function refuseUnsafeRole(client: ClientBase, role: string, site: string): Promise<void> {
  const { rows } = await client.query<RoleFacts>(factsSql, [role, forbiddenMemberships, site])
  const reasons = rows.flatMap(reasonsAgainst)
  if (reasons.length === 0) return
  throw new OutpostError(
    'role_unsafe',
    `The role "${role}" cannot be a site's: it ${reasons.join(', and it ')}.`,
    {
      details: { role, reasons },
    },
  )
}

function reasonsAgainst(facts: RoleFacts): readonly string[] {
  // A superuser is everything else as well: one reason is enough.
  if (facts.is_superuser) return ['is a superuser or a member of one']
  return [
    ...(facts.bypasses_rls ? ['bypasses row-level security (BYPASSRLS)'] : []),
    ...(facts.makes_roles ? ['may make roles (CREATEROLE)'] : []),
    ...(facts.replicates ? ['may stream the whole server (REPLICATION)'] : []),
    ...(facts.predefined === null ? [] : [`is a member of ${facts.predefined.join(', ')}`]),
    ...(facts.owned === null ? [] : [`owns ${facts.owned}`]),
    ...(facts.creates_in === null ? [] : [`may create objects in ${facts.creates_in}`]),
    ...(facts.other_site === null ? [] : [`is the role of the site ${facts.other_site}, or may become it`]),
  ]
}
