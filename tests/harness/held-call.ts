import { type PostgresServer, waitFor } from '@outpost/lab'
import type { Client } from 'pg'
import type { Ground } from './ground.ts'
import { uuidOf } from './workload.ts'

/** Holds the counter of a stream on main, so that a CALL stops in the middle of its batch, where it steps it. */
export class HeldCounter {
  readonly #client: Client
  readonly #main: PostgresServer
  readonly #ground: Ground

  private constructor(client: Client, main: PostgresServer, ground: Ground) {
    this.#client = client
    this.#main = main
    this.#ground = ground
  }

  static async hold(main: PostgresServer, ground: Ground, stream: string): Promise<HeldCounter> {
    const client = await main.connect(ground.database)
    await client.query('BEGIN')
    await client.query('SELECT FROM counter WHERE id = $1 FOR UPDATE', [uuidOf(stream, 'counter')])
    return new HeldCounter(client, main, ground)
  }

  /** Waits until a CALL of the site waits for this lock, and returns its backend's pid, another one than `not`. */
  async untilCallWaits(options: { readonly not?: number } = {}): Promise<number> {
    const [row] = await this.#client
      .query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      .then(({ rows }) => rows)
    const waiting = async () => {
      const rows = await this.#main.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)) AND query LIKE 'CALL outpost.apply%'`,
        [row!.pid],
        this.#ground.database,
      )
      return rows.find(({ pid }) => pid !== options.not)?.pid
    }
    return await waitFor(waiting, { what: 'a CALL waiting in the middle of its batch', deadlineMs: 20_000 })
  }

  /** Lets the CALL go on. Nothing happens when the server is gone already. */
  async release(): Promise<void> {
    await this.#client.end()
  }
}
