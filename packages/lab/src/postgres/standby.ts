import { waitFor } from '../process/wait-for.ts'
import { copyCold, copyLive, give } from './copy-data.ts'
import type { PostgresServer } from './server.ts'
import { renderConninfo } from './settings.ts'

/** Where something listens. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

export interface FollowOptions {
  /** Where the standby connects to: the upstream itself, or a link or pooler on the way to it. */
  readonly upstream: Endpoint
  /** Slot on the upstream; none when left out. {@link ensureSlot} makes it. */
  readonly slot?: string
  /** Name in pg_stat_replication; the server's name when left out. */
  readonly applicationName?: string
}

/** Makes a stopped server (with a copy of the upstream's data) a standby; `start()` then follows. */
export async function makeStandby(server: PostgresServer, options: FollowOptions): Promise<void> {
  await server.adopt()
  await follow(server, options)
  await give(server, 'standby.signal', '')
}

/** Points a standby at an upstream; a running one reconnects there by itself. */
export async function follow(server: PostgresServer, options: FollowOptions): Promise<void> {
  await server.setConfig({
    primary_conninfo: renderConninfo({
      user: 'postgres',
      host: options.upstream.host,
      port: options.upstream.port,
      application_name: options.applicationName ?? server.name,
      connect_timeout: 2,
    }),
    primary_slot_name: options.slot ?? null,
  })
}

/**
 * Fills an empty server with a copy of `from` and makes it a standby. A stopped `from` is copied cold, a running
 * one live, after its slot was made so that it keeps the WAL that the copy will need.
 */
export async function buildStandby(
  server: PostgresServer,
  from: PostgresServer,
  options: FollowOptions,
): Promise<void> {
  if (from.isRunning) {
    if (options.slot !== undefined) await ensureSlot(from, options.slot)
    await copyLive(from, server)
  } else {
    await copyCold(from, server)
  }
  await makeStandby(server, options)
}

/** Throws a server's data away and makes it a standby of `from` again: the way back for a diverged one. */
export async function rebuildStandby(
  server: PostgresServer,
  from: PostgresServer,
  options: FollowOptions,
): Promise<void> {
  await server.stop('immediate')
  await server.clearData()
  await buildStandby(server, from, options)
  await server.start()
}

/** Makes a physical slot that keeps WAL from now on, unless it is there. */
export async function ensureSlot(server: PostgresServer, slot: string): Promise<void> {
  await server.query(
    `SELECT pg_create_physical_replication_slot($1, true)
      WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`,
    [slot],
  )
}

/** The end of what a server has written, or has replayed when it is a standby. */
export async function walEnd(server: PostgresServer): Promise<string> {
  const [row] = await server.query<{ lsn: string }>(
    `SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text AS lsn`,
  )
  return row!.lsn
}

/** Waits until the standby has replayed everything that `from` has written up to now. */
export async function untilCaughtUp(
  standby: PostgresServer,
  from: PostgresServer,
  options: { readonly deadlineMs?: number } = {},
): Promise<void> {
  const target = await walEnd(from)
  const hasReplayed = async () => {
    const [row] = await standby.query<{ done: boolean }>(
      'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS done',
      [target],
    )
    return row?.done
  }
  await waitFor(hasReplayed, {
    what: `${standby.name} replaying ${target} of ${from.name}`,
    deadlineMs: 15_000,
    ...options,
  })
}
