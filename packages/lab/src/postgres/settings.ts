export type SettingValue = string | number | boolean
export type Settings = Readonly<Record<string, SettingValue>>

/**
 * What every lab server starts with. Durability is PostgreSQL's own default (`fsync = on`), because what the lab
 * proves would mean nothing without it; the time-outs are short, so that a cut link is noticed and mended fast.
 */
export const labSettings: Settings = {
  wal_level: 'replica',
  max_wal_senders: 20,
  max_replication_slots: 20,
  max_connections: 100,
  wal_keep_size: '256MB',
  hot_standby: true,
  wal_retrieve_retry_interval: '100ms',
  wal_receiver_timeout: '2s',
  wal_sender_timeout: '2s',
  wal_receiver_status_interval: '1s',
  shared_buffers: '64MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
  log_line_prefix: '%m [%p] %a ',
}

/** The settings as lines of a configuration file. */
export function renderSettings(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${quoteSetting(value)}\n`)
    .join('')
}

/** A value as it stands in a configuration file, always quoted, quotes and backslashes doubled. */
export function quoteSetting(value: SettingValue): string {
  const text = typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value)
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

/** A libpq connection string of keywords and values, every value quoted. */
export function renderConninfo(parts: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(parts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}='${String(value).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`)
    .join(' ')
}
