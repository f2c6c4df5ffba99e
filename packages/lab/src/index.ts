export { LabError, type LabErrorCode, LabMissing, labErrorCodes } from './errors/lab-error.ts'
export type { LinkConditions, LinkMode } from './link/conditions.ts'
export { type LinkControl, type LinkControlOptions, startLinkControl } from './link/control.ts'
export type { ForwardState } from './link/forward.ts'
export {
  type ForwardOptions,
  Link,
  type LinkEvents,
  type LinkOptions,
  type LinkState,
  startLink,
} from './link/link.ts'
export { findPgbouncer, Pgbouncer, type PgbouncerOptions } from './pgbouncer.ts'
export { Authority, type Certificate, type CertificateRequest, encrypt } from './postgres/authority.ts'
export {
  findPostgres,
  type PostgresBinaries,
  type PostgresMajor,
  prepareBinaries,
} from './postgres/binaries.ts'
export { type Cluster, type ClusterOptions, startCluster } from './postgres/cluster.ts'
export { type FreshDatabase, freshDatabase } from './postgres/fresh-database.ts'
export { makeLabFolder, sweepOrphans } from './postgres/lab-folder.ts'
export { PostgresServer, type ServerOptions, type StopMode } from './postgres/server.ts'
export { labSettings, type Settings, type SettingValue } from './postgres/settings.ts'
export {
  buildStandby,
  type Endpoint,
  ensureSlot,
  type FollowOptions,
  follow,
  rebuildStandby,
  untilCaughtUp,
  walEnd,
} from './postgres/standby.ts'
export { freePort, isFree } from './process/free-port.ts'
export { livingOwner, writeOwner } from './process/owner.ts'
export { printNow } from './process/print-now.ts'
export { findProcess, isAlive, type ProcessEntry } from './process/process-table.ts'
export { type WaitOptions, waitFor } from './process/wait-for.ts'
export { findRedis, type RedisOptions, RedisServer } from './redis.ts'
