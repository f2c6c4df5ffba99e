import type { PoolClient } from 'pg'
import type { Clock } from '../clock/clock.ts'
import { sqlstateOf } from '../postgres/sqlstate.ts'
import { newestVersion } from '../schema/schema-history.ts'
import type { CatalogSource } from './catalog-source.ts'
import type { NodePool } from './node-pool.ts'

/** Time between two refreshes that failed statements cause, so that a wrong statement costs the node next to nothing. */
const pauseMs = 1_000
const versionTimeoutMs = 1_000

/**
 * Notices by a statement that failed that a table has another form than the site knows: after a migration a pending
 * row no longer fits the table's type, and a kept plan no longer fits its result.
 */
export class CatalogRepair {
  readonly #catalog: CatalogSource
  readonly #clock: Clock
  #refreshedAtMs = Number.NEGATIVE_INFINITY
  #refreshing: Promise<void> | undefined

  constructor(catalog: CatalogSource, clock: Clock) {
    this.#catalog = catalog
    this.#clock = clock
  }

  /** The definitions that a statement was made with, to be shown again if it fails. */
  get version(): string {
    return this.#catalog.current.version
  }

  /** True when the statement is worth another try, because the definitions are newer than those it was made with. */
  async isOutdated(error: unknown, version: string, node: NodePool): Promise<boolean> {
    if (!mayBeStale(error)) return false
    if (this.version === version) await this.#refresh(node, sqlstateOf(error) === 'OP020')
    return this.version !== version
  }

  /** Whoever comes while a refresh is under way shares it. */
  async #refresh(node: NodePool, isCertain: boolean): Promise<void> {
    const isPausing = this.#clock.monotonicMs() - this.#refreshedAtMs < pauseMs
    if (this.#refreshing === undefined && isPausing && !isCertain && !(await this.#hasMoved(node))) return
    this.#refreshing ??= this.#refreshOnce(node).finally(() => {
      this.#refreshing = undefined
    })
    await this.#refreshing
  }

  /** Migrations come in quick succession, and a look at the number is cheap. */
  async #hasMoved(node: NodePool): Promise<boolean> {
    const { history } = this.#catalog.current
    if (history === undefined) return false
    const ask = async (client: PoolClient) =>
      await client.query<{ version: string }>('SELECT outpost.schema_version() AS version')
    // A node that cannot tell leaves the definitions, and the statement's own error is told.
    const answer = await node.run(versionTimeoutMs, ask).catch(() => undefined)
    return answer !== undefined && Number(answer.rows[0]?.version) !== newestVersion(history)
  }

  async #refreshOnce(node: NodePool): Promise<void> {
    this.#refreshedAtMs = this.#clock.monotonicMs()
    // A node that cannot tell leaves the definitions, and the statement's own error is told.
    await this.#catalog.refresh(node).catch(() => false)
  }
}

/** Pure: what PostgreSQL says of a statement that was made for another form of a table. */
function mayBeStale(error: unknown): boolean {
  const sqlstate = sqlstateOf(error) ?? ''
  return (
    sqlstate.startsWith('42') ||
    sqlstate.startsWith('22P') ||
    sqlstate === '0A000' ||
    sqlstate === 'XX000' ||
    sqlstate === 'OP020'
  )
}
