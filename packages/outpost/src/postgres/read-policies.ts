import type { ClientBase } from 'pg'
import type { Catalog, ConflictPolicy, TableName } from './catalog.ts'
import { catalogVersion } from './catalog-version.ts'

/** The catalog with the conflict policies that the server knows; main's are the authority, a replica's a copy. */
export async function withPolicies(client: Pick<ClientBase, 'query'>, catalog: Catalog): Promise<Catalog> {
  const known = await client.query<{ is_there: boolean }>(
    `SELECT to_regclass('outpost.conflict_policy') IS NOT NULL AS is_there`,
  )
  if (known.rows[0]?.is_there !== true) return catalog
  const { rows } = await client.query<{ name: TableName | null; policy: ConflictPolicy }>(
    'SELECT outpost.name_of(table_id) AS name, policy FROM outpost.conflict_policy',
  )
  // A table that was dropped leaves its policy behind.
  const policies = rows.flatMap(({ name, policy }) => (name === null ? [] : [[name, policy] as const]))
  if (policies.length === 0) return catalog
  const content = { ...catalog, policies: new Map(policies) }
  return { ...content, version: catalogVersion(content) }
}
