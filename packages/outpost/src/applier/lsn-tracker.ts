import type { ClientBase } from 'pg'
import type { Clock } from '../clock/clock.ts'
import { OutpostError } from '../errors/outpost-error.ts'
import { compareLsn, formatLsn, type Lsn, lsnFrom, parseLsn } from '../position/lsn.ts'
import { beginWithinLineage } from '../postgres/begin-within-lineage.ts'
import type { ReplicaQuery } from './replica-look.ts'

export interface LsnTrackerOptions {
  /** Runs work on one connection to main. */
  readonly main: <T>(work: (client: Pick<ClientBase, 'query'>) => Promise<T>) => Promise<T>
  readonly replica: ReplicaQuery
  /** Of the main that the site knows; another main is not written to (N4). Any will do when left out. */
  readonly lineage?: () => string | undefined
  readonly clock: Clock
  /** Between two looks at the replica. Default 100. */
  readonly intervalMs?: number
  /** Longest wait for the replica. Default 30,000. */
  readonly timeoutMs?: number
}

export interface Tracked<T> {
  readonly result: T
  /** False when the time ran out, or the replica does not descend from this main. */
  readonly replicated: boolean
  /** `timeline/LSN` of main after the commit. */
  readonly position: string
}

interface CommitPoint {
  readonly lsn: Lsn
  readonly timeline: number
  readonly lineage: string | null
}

/** Page size of the WAL; a build with another one only makes {@link settledLsn} do nothing. */
const pageBytes = 8192n

/**
 * Pure (E2): an insert position just behind a page header is one that no replica ever reports while main is idle; the
 * boundary before it is meant.
 */
function settledLsn(lsn: Lsn): Lsn {
  const behind = lsn % pageBytes
  // 24 bytes is the header of a page, 40 that of a segment's first page.
  return behind === 24n || behind === 40n ? lsnFrom(lsn - behind) : lsn
}

/**
 * Writes on main and waits until the site's replica has replayed it.
 *
 * The position is taken after the commit: one taken inside the transaction is reached while the row is still
 * invisible (E1). It counts only on a replica that has main's lineage row, because on another branch the same number
 * is reached by unrelated WAL (E6).
 *
 * @example
 * const { result, replicated, position } = await tracker.executeAndTrack((client) => client.query('INSERT …'))
 */
export class LsnTracker {
  readonly #options: LsnTrackerOptions

  constructor(options: LsnTrackerOptions) {
    this.#options = options
  }

  /**
   * Runs `work` in one database transaction on main. Errors: `lineage_refused`, what `work` or the commit says; never
   * for a slow replica.
   */
  async executeAndTrack<T>(
    work: (client: Pick<ClientBase, 'query'>) => Promise<T>,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Tracked<T>> {
    const lineage = this.#options.lineage?.()
    const { result, point } = await this.#options.main(async (client) => await commit(client, work, lineage))
    const replicated = await this.#waitFor(
      point,
      options.timeoutMs ?? this.#options.timeoutMs ?? 30_000,
      options.signal,
    )
    return { result, replicated, position: `${point.timeline}/${formatLsn(point.lsn)}` }
  }

  async #waitFor(point: CommitPoint, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const { clock, intervalMs = 100 } = this.#options
    const deadlineMs = clock.monotonicMs() + timeoutMs
    while (signal?.aborted !== true) {
      if (await this.#hasReplayed(point)) return true
      const remainingMs = deadlineMs - clock.monotonicMs()
      if (remainingMs <= 0) return false
      await clock.sleep(Math.min(intervalMs, remainingMs), signal)
    }
    return false
  }

  async #hasReplayed(point: CommitPoint): Promise<boolean> {
    try {
      const rows = await this.#options.replica(
        `SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text AS lsn,
                EXISTS (SELECT FROM outpost.lineage WHERE id = $1) AS has_lineage`,
        [point.lineage],
      )
      const { lsn, has_lineage } = rows[0]!
      return has_lineage === true && lsn !== null && compareLsn(parseLsn(String(lsn)), point.lsn) >= 0
    } catch {
      // A replica that is away has replayed nothing; the deadline ends the wait.
      return false
    }
  }
}

async function commit<T>(
  client: Pick<ClientBase, 'query'>,
  work: (client: Pick<ClientBase, 'query'>) => Promise<T>,
  lineage: string | undefined,
): Promise<{ readonly result: T; readonly point: CommitPoint }> {
  await beginWithinLineage(client, lineage)
  let result: T
  try {
    await client.query('SELECT outpost.ensure_lineage()')
    result = await work(client)
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
  // One message, no extra round trip. The position is taken after the commit (E1); how the commit is made must be
  // asked before it, because a SET LOCAL ends with it.
  const answers = (await client.query(`
    SELECT current_setting('synchronous_commit') = 'off' AS is_volatile;
    COMMIT;
    SELECT pg_current_wal_insert_lsn()::text AS inserted,
           pg_current_wal_flush_lsn()::text AS flushed, s.timeline, outpost.current_lineage() AS lineage
    FROM outpost.server_identity() s`)) as unknown as readonly {
    readonly command: string
    readonly rows: readonly Record<string, unknown>[]
  }[]
  if (answers[1]?.command === 'ROLLBACK') {
    throw new OutpostError(
      'main_unreachable',
      'Main answered the COMMIT with a rollback: nothing was written.',
    )
  }
  const row = answers[2]!.rows[0]!
  const isVolatile = answers[0]!.rows[0]!.is_volatile === true
  const lsn = isVolatile ? settledLsn(parseLsn(String(row.inserted))) : parseLsn(String(row.flushed))
  return {
    result,
    point: {
      lsn,
      timeline: Number(row.timeline),
      lineage: row.lineage === null ? null : String(row.lineage),
    },
  }
}
