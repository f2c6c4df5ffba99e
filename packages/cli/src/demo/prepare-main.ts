import { createToken, opsDbMigrations, seedReferenceData } from '@outpost/ops-db-api/setup'
import { migrate, outpostMigrations } from 'outpost/migrate'
import { withClient } from '../site/main-database.ts'

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
    if (known) return known
    await seedReferenceData(client)
    const create = async (name: string) => {
      const { token } = await createToken(client, { name, scopes: ['read', 'write', 'admin'] })
      return token
    }
    return { main: await create('demo-main'), observatory: await create('demo-observatory') }
  })
}
