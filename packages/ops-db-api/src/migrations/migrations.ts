import { people } from './001-people.ts'
import { observatory } from './002-observatory.ts'
import { recording } from './003-recording.ts'
import type { MigrationSet } from './migration.ts'

/** The service's tables, in the order in which they are installed. */
export const opsDbMigrations: MigrationSet = {
  namespace: 'ops-db',
  migrations: [people, observatory, recording],
}
