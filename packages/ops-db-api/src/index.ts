/** The observatory's service on Outpost. */
export { type CreatedToken, createToken, type TokenRequest } from './auth/create-token.ts'
export { isScope, type Scope, scopes } from './auth/scope.ts'
export { TokenStore, type TokenStoreOptions } from './auth/token-store.ts'
export {
  allOptions,
  type Configuration,
  type ConfigurationSources,
  describeConfiguration,
  loadConfiguration,
} from './configuration/configuration.ts'
export { databaseOf, siteOptionsOf } from './configuration/site-options.ts'
export { opsDbMigrations } from './migrations/migrations.ts'
export { type NightAnswers, type NightReference, type NightStep, planNight } from './night/plan-night.ts'
export { type SqlClient, seedReferenceData } from './reference/seed-reference-data.ts'
export { buildServer, type ServerOptions } from './server/build-server.ts'
export { type RunningService, type ServeOptions, serve } from './server/serve.ts'
export { serviceCodes } from './service-codes.ts'
