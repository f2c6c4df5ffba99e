import type { SiteDatabase } from '../site/site-api.ts'
import type { DatabaseClientConfig } from './database-client.ts'

export interface ConnectionSettings {
  /** Shown in `pg_stat_activity`; cut to the 63 bytes that PostgreSQL keeps. */
  readonly applicationName: string
  /** From the first packet until the server is ready. Default 5,000. */
  readonly connectTimeoutMs?: number
  /** Silence after which the kernel asks whether the other side is still there. Default 10,000. */
  readonly keepAliveAfterMs?: number
}

/**
 * Settings for a `pg` client or pool from a site's description of a database.
 *
 * Time limits are never sent as startup parameters: a transaction-mode pgbouncer refuses `statement_timeout` and
 * `options` (08P01). They belong to the role on main, and to deadlines on this side (see `connection.ts`).
 */
export function connectionConfig(database: SiteDatabase, settings: ConnectionSettings): DatabaseClientConfig {
  const { ssl, sslRootCert, sslCert, sslKey } = database
  return {
    host: database.host,
    port: database.port,
    user: database.user,
    database: database.database,
    ...(database.password === undefined ? {} : { password: database.password }),
    ...(ssl !== undefined &&
      ssl !== 'disable' && {
        tls: {
          ssl,
          ...(sslRootCert !== undefined && { sslRootCert }),
          ...(sslCert !== undefined && { sslCert }),
          ...(sslKey !== undefined && { sslKey }),
        },
      }),
    ssl: false,
    application_name: cutToBytes(settings.applicationName, 63),
    connectionTimeoutMillis: settings.connectTimeoutMs ?? 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: settings.keepAliveAfterMs ?? 10_000,
  }
}

function cutToBytes(text: string, limitBytes: number): string {
  const cut = Buffer.from(text, 'utf8').subarray(0, limitBytes).toString('utf8')
  return Buffer.byteLength(text) <= limitBytes ? text : cut.replace(/\uFFFD+$/, '')
}
