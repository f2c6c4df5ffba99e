import { createToken, opsDbMigrations, seedReferenceData } from '@outpost/ops-db-api/setup'
import { migrate, outpostMigrations } from 'outpost/migrate'
import type { Client } from 'pg'
import { grantSiteRole } from '../site/grant-site-role.ts'
import { withClient } from '../site/main-database.ts'

/** The role that each site connects as: it may do what its site needs and nothing else. */
export const siteRoles = { main: 'main_site', observatory: 'observatory_site' } as const

export interface DemoTokens {
  readonly main: string
  readonly observatory: string
}

/** Makes the database of the demo on a fresh server. */
export async function createDatabase(serverUrl: string, database: string): Promise<void> {
  await withClient({ connectionString: serverUrl }, (client) =>
    client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`),
  )
}

/** Installs the schema and the reference data on main, and makes the tokens unless they are known. */
export function prepareMain(databaseUrl: string, known: DemoTokens | null): Promise<DemoTokens> {
  return withClient({ connectionString: databaseUrl }, async (client) => {
    await migrate(client, [outpostMigrations, opsDbMigrations])
    for (const [site, role] of Object.entries(siteRoles)) await ensureSiteRole(client, site, role)
    if (known) return known
    await seedReferenceData(client)
    const create = async (name: string) => {
      const { token } = await createToken(client, { name, scopes: ['read', 'write', 'admin'] })
      return token
    }
    return { main: await create('demo-main'), observatory: await create('demo-observatory') }
  })
}

async function ensureSiteRole(client: Client, site: string, role: string): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role])
  if (rowCount === 0) await client.query(`CREATE ROLE ${client.escapeIdentifier(role)} LOGIN`)
  await grantSiteRole(client, { site, role })
}
