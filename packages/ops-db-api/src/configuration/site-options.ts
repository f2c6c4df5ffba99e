import type { SiteDatabase, SiteOptions, SiteRedis, TlsSettings } from 'outpost/site'
import type { Configuration } from './configuration.ts'

type DatabaseSettings = Configuration['main']

/** What the library's site is opened with. */
export function siteOptionsOf(configuration: Configuration): SiteOptions {
  const {
    siteName,
    siteType,
    secretKey,
    journalPath,
    journalMaxBytes,
    journalRetentionMs,
    promotableStandbys,
  } = required(configuration)
  return {
    name: siteName,
    type: siteType,
    secretKey,
    journalPath,
    main: databaseOf(configuration.main),
    ...(configuration.journal === 'redis' ? { redis: redisOf(configuration.redis) } : {}),
    ...(configuration.local.host === undefined ? {} : { local: databaseOf(configuration.local) }),
    ...given({
      journalMaxBytes,
      journalReserveBytes: configuration.journalReserveBytes,
      journalRetentionBytes: configuration.journalRetentionBytes,
      journalDurability: configuration.journalDurability,
      journalFallback: configuration.journalFallback,
      journalRetentionMs,
      promotableStandbys,
      bufferAlarmSize: configuration.bufferAlarmSize,
      retryAttempts: configuration.retryAttempts,
      retryDelayMs: configuration.retryDelayMs,
      applierCalls: callsOf(configuration.applierCalls),
      idleIntervalMs: configuration.idleIntervalMs,
      lsnTracking: configuration.lsnTrackingIsEnabled,
      lsnCheckIntervalMs: configuration.lsnCheckIntervalMs,
      lsnTimeoutMs: configuration.lsnTimeoutMs,
    }),
  }
}

function callsOf(text: Configuration['applierCalls']): SiteOptions['applierCalls'] {
  return text === undefined || text === 'auto' ? text : (Number(text) as 1 | 2 | 3 | 4)
}

/** Where Redis is that keeps the journal. */
function redisOf(settings: Configuration['redis']): SiteRedis {
  const { host = 'localhost', port = 6379, database = 0, password } = settings
  return { host, port, database, ...given({ password }) }
}

/** How a database of the configuration is reached. */
export function databaseOf(settings: DatabaseSettings): SiteDatabase {
  const { host = 'localhost', port = 5432, user = 'outpost', database = 'ops_db', password } = settings
  return { host, port, user, database, ...given({ password }), ...tlsOf(settings) }
}

/** How the connection to a database is encrypted. */
export function tlsOf({ ssl, sslRootCert, sslCert, sslKey }: DatabaseSettings): TlsSettings {
  return given({ ssl, sslRootCert, sslCert, sslKey })
}

/** The settings that `loadConfiguration` has refused to be without. */
function required(configuration: Configuration) {
  const { siteName = '', siteType = 'secondary', secretKey = '', journalPath = './journal' } = configuration
  return { ...configuration, siteName, siteType, secretKey, journalPath }
}

type Given<Values> = { [Name in keyof Values]?: Exclude<Values[Name], undefined> }

/** The members that have a value. */
function given<Values extends object>(values: Values): Given<Values> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Given<Values>
}
