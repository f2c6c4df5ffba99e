import type { RetentionFacts } from '../applier/retention.ts'
import type { Clock } from '../clock/clock.ts'
import type { UnknownStandby } from '../observing/health.ts'
import type { NodePool } from './node-pool.ts'

const queryTimeoutMs = 10_000
/** Between two looks for health; sooner while one of them is not known, so that health soon says when it is. */
const lookMs = 60_000
const againMs = 10_000

export interface PromotableStandbysOptions {
  readonly main: NodePool
  readonly standbys: readonly string[] | 'none' | undefined
  readonly clock: Clock
}

/**
 * What the standbys that could become main have flushed, as main sees it (N13). A standby that is not connected, or
 * whose position the role may not see, is not known to have anything: everything is kept then, and health says so.
 */
export class PromotableStandbys {
  readonly #options: PromotableStandbysOptions
  #unknown: readonly UnknownStandby[] = []
  #dueMs = Number.NEGATIVE_INFINITY

  constructor(options: PromotableStandbysOptions) {
    this.#options = options
  }

  /** Those of which the last look learned nothing; of a main that is away it is still the last that is known. */
  get unknown(): readonly UnknownStandby[] {
    return this.#unknown
  }

  /** What retention needs. Errors: `main_unreachable`, and what PostgreSQL says. */
  async positions(): Promise<RetentionFacts['promotable']> {
    const { standbys } = this.#options
    if (standbys === undefined) return 'unknown'
    if (standbys === 'none' || standbys.length === 0) return 'none'
    return await this.#look(standbys)
  }

  /** Looks for health when a look is due. Errors: as {@link positions}. */
  async refresh(): Promise<void> {
    const { clock } = this.#options
    if (clock.monotonicMs() < this.#dueMs) return
    this.#dueMs = clock.monotonicMs() + againMs
    await this.positions()
    if (this.#unknown.length === 0) this.#dueMs = clock.monotonicMs() + lookMs
  }

  async #look(standbys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return await this.#options.main.run(queryTimeoutMs, async (client) => {
      const { rows } = await client.query<{ name: string; position: string | null }>(
        `SELECT s.name, (SELECT timeline FROM outpost.server_identity()) || '/' || s.flush_lsn AS position
         FROM outpost.standby_positions($1) s`,
        [standbys],
      )
      const seen = new Map(rows.map(({ name, position }) => [name, position ?? undefined]))
      this.#unknown = standbys
        .filter((name) => seen.get(name) === undefined)
        .map((name) => ({ name, why: seen.has(name) ? 'hidden' : 'absent' }))
      return standbys.map((name) => seen.get(name))
    })
  }
}
