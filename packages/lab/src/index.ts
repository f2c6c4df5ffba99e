export { LabError, type LabErrorCode, LabMissing, labErrorCodes } from './errors/lab-error.ts'
export {
  findPostgres,
  type PostgresBinaries,
  type PostgresMajor,
  prepareBinaries,
} from './postgres/binaries.ts'
export { type FreshDatabase, freshDatabase } from './postgres/fresh-database.ts'
export { sweepOrphans } from './postgres/lab-folder.ts'
export { PostgresServer, type ServerOptions, type StopMode } from './postgres/server.ts'
export { labSettings, type Settings, type SettingValue } from './postgres/settings.ts'
export { freePort, isFree } from './process/free-port.ts'
export { type WaitOptions, waitFor } from './process/wait-for.ts'
