import type { ClientBase } from 'pg'
import { OutpostError } from '../errors/outpost-error.ts'

interface RoleFacts {
  readonly is_superuser: boolean
  readonly bypasses_rls: boolean
  readonly makes_roles: boolean
  readonly owned_table: string | null
}

/** What the role may do itself or through any role that it is a member of: it could become that one by SET ROLE. */
const factsSql = `
  SELECT coalesce(bool_or(other.rolsuper), false) AS is_superuser,
         coalesce(bool_or(other.rolbypassrls), false) AS bypasses_rls,
         coalesce(bool_or(other.rolcreaterole), false) AS makes_roles,
         (SELECT min(c.oid::regclass::text) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
            AND pg_has_role(me.oid, c.relowner, 'MEMBER')) AS owned_table
  FROM pg_roles me JOIN pg_roles other ON pg_has_role(me.oid, other.oid, 'MEMBER')
  WHERE me.rolname = $1
  GROUP BY me.oid`

/**
 * Refuses a role that row-level security would not bind to its own site: whoever holds its password could write and
 * fence other sites' ledgers. A role that does not exist passes. Error: `role_unsafe`.
 */
export async function refuseUnsafeRole(client: ClientBase, role: string): Promise<void> {
  const { rows } = await client.query<RoleFacts>(factsSql, [role])
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
    ...(facts.owned_table === null ? [] : [`owns ${facts.owned_table}`]),
  ]
}
