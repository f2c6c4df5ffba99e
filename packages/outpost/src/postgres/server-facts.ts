import type { ClientBase } from 'pg'
import { type Lsn, normalizeInsertLsn, parseLsn } from '../position/lsn.ts'
import type { Position } from '../position/position.ts'
import { type Timeline, timelineFrom, timelineOfWalFile } from '../position/timeline.ts'
import { sqlstateOf } from './sqlstate.ts'

/** What one server says of itself at one moment. */
export interface ServerFacts {
  /** Decided by `pg_is_in_recovery()` alone, and again after every promotion: connections survive it (E6). */
  readonly role: 'primary' | 'standby'
  readonly serverVersion: number
  /** Undefined where the role may not call `pg_control_system()`. */
  readonly systemIdentifier: string | undefined
  /** Of the WAL that is written or replayed now; undefined where nothing readable tells. */
  readonly timeline: Timeline | undefined
  /** On a primary: everything before it is on disk. */
  readonly flushLsn: Lsn | undefined
  /** On a primary: everything before it was made, normalised to the page boundary (E2). */
  readonly insertLsn: Lsn | undefined
  /** On a standby: everything before it can be read here. */
  readonly replayLsn: Lsn | undefined
  /** On a standby: everything before it was received and flushed here. */
  readonly receiveLsn: Lsn | undefined
  /** `off` makes commits volatile: their position is the insert position (E2). */
  readonly synchronousCommit: string
  /** A default of `repeatable read` makes a check before a read unsafe (E3). */
  readonly defaultIsolation: string
}

/** Which of the functions that a cautious administrator revokes may be called. */
interface Privileges {
  readonly controlSystem: boolean
  readonly controlCheckpoint: boolean
  readonly controlRecovery: boolean
}

type FactsRow = Readonly<
  Record<'system' | 'walfile' | 'flush' | 'insert' | 'replay' | 'receive', string | null> & {
    recovery: boolean
    version: number
    timeline: string | null
    synccommit: string
    isolation: string
  }
>

const everything: Privileges = { controlSystem: true, controlCheckpoint: true, controlRecovery: true }

/**
 * Reads the facts in one round trip, with no privilege beyond connecting; two more round trips where the control
 * functions were revoked, and then without what they would tell. Run it outside a transaction.
 */
export async function readServerFacts(client: Pick<ClientBase, 'query'>): Promise<ServerFacts> {
  try {
    return toFacts(await readRow(client, everything))
  } catch (error) {
    if (sqlstateOf(error) !== '42501') throw error
    return toFacts(await readRow(client, await readPrivileges(client)))
  }
}

/**
 * The position up to which a reader of this server sees everything, undefined where the server does not say who it
 * is. On a primary that is what was flushed, or what was inserted when its commits are volatile.
 */
export function positionOf(facts: ServerFacts, lineage: string): Position | undefined {
  const { systemIdentifier, timeline } = facts
  const isVolatile = facts.role === 'primary' && facts.synchronousCommit === 'off'
  const lsn = facts.role === 'standby' ? facts.replayLsn : isVolatile ? facts.insertLsn : facts.flushLsn
  if (systemIdentifier === undefined || timeline === undefined || lsn === undefined) return undefined
  return { systemIdentifier, timeline, lsn, lineage, isVolatile }
}

/**
 * PostgreSQL checks the right to call a function before it runs anything, so what may not be called must not be
 * named. On a standby each source of the timeline is a lower bound: the receiver's is the newest while it streams (it
 * is hidden without `pg_read_all_stats`), the control file's follow at restart points. On a primary only the name of
 * the WAL file shows a promotion at once (E6).
 */
async function readRow(client: Pick<ClientBase, 'query'>, can: Privileges): Promise<FactsRow> {
  const timelines = [
    '(SELECT received_tli FROM pg_stat_wal_receiver)',
    ...(can.controlCheckpoint ? ['(SELECT timeline_id FROM pg_control_checkpoint())'] : []),
    ...(can.controlRecovery
      ? ['(SELECT nullif(min_recovery_end_timeline, 0) FROM pg_control_recovery())']
      : []),
  ]
  const system = can.controlSystem
    ? '(SELECT system_identifier::text FROM pg_control_system())'
    : 'NULL::text'
  const { rows } = await client.query<FactsRow>(`
    SELECT r.recovery,
           current_setting('server_version_num')::int AS version,
           current_setting('synchronous_commit') AS synccommit,
           current_setting('default_transaction_isolation') AS isolation,
           ${system} AS system,
           CASE WHEN r.recovery THEN greatest(${timelines.join(', ')})::text END AS timeline,
           CASE WHEN NOT r.recovery THEN pg_walfile_name(pg_current_wal_insert_lsn()) END AS walfile,
           CASE WHEN NOT r.recovery THEN pg_current_wal_flush_lsn()::text END AS flush,
           CASE WHEN NOT r.recovery THEN pg_current_wal_insert_lsn()::text END AS insert,
           CASE WHEN r.recovery THEN pg_last_wal_replay_lsn()::text END AS replay,
           CASE WHEN r.recovery THEN pg_last_wal_receive_lsn()::text END AS receive
      FROM (SELECT pg_is_in_recovery() OFFSET 0) r (recovery)`)
  return rows[0]!
}

async function readPrivileges(client: Pick<ClientBase, 'query'>): Promise<Privileges> {
  const { rows } = await client.query<{ system: boolean; checkpoint: boolean; recovery: boolean }>(`
    SELECT has_function_privilege('pg_control_system()', 'EXECUTE') AS system,
           has_function_privilege('pg_control_checkpoint()', 'EXECUTE') AS checkpoint,
           has_function_privilege('pg_control_recovery()', 'EXECUTE') AS recovery`)
  const row = rows[0]!
  return { controlSystem: row.system, controlCheckpoint: row.checkpoint, controlRecovery: row.recovery }
}

function toFacts(row: FactsRow): ServerFacts {
  const lsn = (text: string | null) => (text === null ? undefined : parseLsn(text))
  const insert = lsn(row.insert)
  return {
    role: row.recovery ? 'standby' : 'primary',
    serverVersion: row.version,
    systemIdentifier: row.system ?? undefined,
    timeline: timelineIn(row),
    flushLsn: lsn(row.flush),
    insertLsn: insert === undefined ? undefined : normalizeInsertLsn(insert),
    replayLsn: lsn(row.replay),
    receiveLsn: lsn(row.receive),
    synchronousCommit: row.synccommit,
    defaultIsolation: row.isolation,
  }
}

function timelineIn(row: FactsRow): Timeline | undefined {
  if (row.walfile !== null) return timelineOfWalFile(row.walfile)
  return row.timeline === null ? undefined : timelineFrom(Number(row.timeline))
}
