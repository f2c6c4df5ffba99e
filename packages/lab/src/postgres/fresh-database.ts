import { randomUUID } from 'node:crypto'
import type { PostgresServer } from './server.ts'

export interface FreshDatabase {
  readonly name: string
  /** Connection URL on the server that it was made on. */
  readonly url: string
  /** Ends its connections and removes it. */
  drop(): Promise<void>
}

/**
 * Creates a database with a name of its own, so that tests share a server and not its tables. `template` names a
 * prepared database to copy; nobody may be connected to that one meanwhile.
 */
export async function freshDatabase(server: PostgresServer, template = 'template1'): Promise<FreshDatabase> {
  const name = `lab_${randomUUID().replaceAll('-', '').slice(0, 16)}`
  // WAL_LOG (default since 15) copies block by block and needs no checkpoint, which matters with fsync on.
  await server.query(`CREATE DATABASE ${name} TEMPLATE "${template.replaceAll('"', '""')}"`)
  return {
    name,
    url: server.connectionString(name),
    drop: async () => {
      await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    },
  }
}
