/** What prepares main and reads the settings, without the server: a command that needs no HTTP starts at once. */
export { type CreatedToken, createToken, type TokenRequest } from './auth/create-token.ts'
export { isScope, type Scope, scopes } from './auth/scope.ts'
export {
  type Configuration,
  type ConfigurationSources,
  loadConfiguration,
} from './configuration/configuration.ts'
export { databaseOf, siteOptionsOf } from './configuration/site-options.ts'
export { opsDbMigrations } from './migrations/migrations.ts'
export { type NightAnswers, type NightReference, type NightStep, planNight } from './night/plan-night.ts'
export { type SqlClient, seedReferenceData } from './reference/seed-reference-data.ts'
