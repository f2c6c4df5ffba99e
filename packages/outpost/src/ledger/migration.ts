import { createHash } from 'node:crypto'
import type { SchemaStep } from '../schema/schema-step.ts'
import type { ConflictDeclarations } from './conflict-policies.ts'
import { ledgerSql } from './migrations/001-ledger.ts'
import { helloSql } from './migrations/002-hello.ts'
import { statementSql } from './migrations/003-statement.ts'
import { applySql } from './migrations/004-apply.ts'
import { keysSql } from './migrations/005-keys.ts'
import { conflictsSql } from './migrations/006-conflicts.ts'
import { schemaSql } from './migrations/007-schema.ts'

/** One numbered step of a schema. Once released it never changes; a change is a new migration. */
export interface Migration {
  readonly number: number
  readonly name: string
  readonly sql: string
  /** The way back, for {@link revert}: statements that undo `sql`. */
  readonly down?: string
  /**
   * Of an application's migration: what it means for writes that sites recorded before it. Left out: nothing, they are
   * applied as they are.
   */
  readonly lift?: readonly SchemaStep[]
  /** The same for writes recorded after it, where it is reverted. Left out: the inverse of `lift`. */
  readonly lower?: readonly SchemaStep[]
}

/** The migrations of one owner of tables: Outpost itself, or an application on top of it. */
export interface MigrationSet {
  readonly namespace: string
  readonly migrations: readonly Migration[]
  /** What becomes of changes that meet, by table; declared anew whenever its migrations are run. */
  readonly conflicts?: ConflictDeclarations
}

/** SHA-256 (hex) of the text that is installed. */
export function migrationChecksum(migration: Migration): string {
  return createHash('sha256').update(migration.sql).digest('hex')
}

/**
 * Schema, ledger and apply procedure on main. The SQL lives in TypeScript modules because a packed library has no
 * reliable place for data files beside its code.
 */
export const outpostMigrations: MigrationSet = {
  namespace: 'outpost',
  migrations: [
    { number: 1, name: 'ledger', sql: ledgerSql },
    { number: 2, name: 'hello', sql: helloSql },
    { number: 3, name: 'statement', sql: statementSql },
    { number: 4, name: 'apply', sql: applySql },
    { number: 5, name: 'keys', sql: keysSql },
    { number: 6, name: 'conflicts', sql: conflictsSql },
    { number: 7, name: 'schema', sql: schemaSql },
  ],
}
