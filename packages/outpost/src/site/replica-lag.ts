import type { ReplicaQuery } from '../applier/replica-look.ts'
import type { Clock } from '../clock/clock.ts'

const ageSql = `extract(epoch FROM clock_timestamp() - (SELECT at FROM outpost.heartbeat WHERE site = $1))::float8 AS seconds`
const lsnSql = `CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text AS lsn`

/** How long one answer serves everybody who asks for health. */
const freshMs = 500

export interface Lag {
  /** Age of this site's heartbeat on its replica (E38). */
  readonly seconds: number | undefined
  /** How far the replica has replayed; left out where positions are not followed. */
  readonly replicaLsn: string | undefined
}

export interface ReplicaLagOptions {
  readonly siteName: string
  readonly clock: Clock
  readonly query: ReplicaQuery
  readonly hasPosition: boolean
}

/** How far the site's replica is behind; asked once for all who ask at a time. */
export class ReplicaLag {
  readonly #options: ReplicaLagOptions
  #last: { readonly askedMs: number; readonly answer: Promise<Lag> } | undefined

  constructor(options: ReplicaLagOptions) {
    this.#options = options
  }

  now(): Promise<Lag> {
    const nowMs = this.#options.clock.monotonicMs()
    if (this.#last === undefined || nowMs - this.#last.askedMs > freshMs) {
      this.#last = { askedMs: nowMs, answer: this.#ask() }
    }
    return this.#last.answer
  }

  async #ask(): Promise<Lag> {
    const { siteName, query, hasPosition } = this.#options
    try {
      const [row] = await query(`SELECT ${hasPosition ? `${ageSql}, ${lsnSql}` : ageSql}`, [siteName])
      return {
        seconds: (row?.seconds as number | null) ?? undefined,
        replicaLsn: (row?.lsn as string | null | undefined) ?? undefined,
      }
    } catch {
      // That the replica does not answer is told by its own field; the lag is simply unknown then.
      return { seconds: undefined, replicaLsn: undefined }
    }
  }
}
