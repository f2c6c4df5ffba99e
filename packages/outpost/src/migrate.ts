/** Installing and upgrading the Outpost schema on main: `import { migrate, outpostMigrations } from 'outpost/migrate'`. */
export {
  type ConflictDeclarations,
  conflictPolicies,
  type DeclaredPolicy,
  type PolicyDeclaration,
  setConflictPolicy,
} from './ledger/conflict-policies.ts'
export {
  grantSite,
  revokeSite,
  type SiteGrant,
  type SiteRevocation,
  type TableGrant,
} from './ledger/grant-site.ts'
export { type MigrateOptions, type MigrateResult, type MigrationStep, migrate } from './ledger/migrate.ts'
export {
  type Migration,
  type MigrationSet,
  migrationChecksum,
  outpostMigrations,
} from './ledger/migration.ts'
export { type KeyPlanRequest, type PlannedKeys, planKeys } from './ledger/plan-keys.ts'
export { revert } from './ledger/revert.ts'
export type { SchemaStep } from './schema/schema-step.ts'
