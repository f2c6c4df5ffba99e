/** Installing and upgrading the Outpost schema on main: `import { migrate, outpostMigrations } from 'outpost/migrate'`. */
export { grantSite, type SiteGrant } from './ledger/grant-site.ts'
export { type MigrateOptions, type MigrateResult, type MigrationStep, migrate } from './ledger/migrate.ts'
export {
  type Migration,
  type MigrationSet,
  migrationChecksum,
  outpostMigrations,
} from './ledger/migration.ts'
