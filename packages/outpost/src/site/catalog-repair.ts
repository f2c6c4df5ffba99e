import type { Clock } from '../clock/clock.ts'
import { sqlstateOf } from '../postgres/sqlstate.ts'
import type { CatalogSource } from './catalog-source.ts'
import type { NodePool } from './node-pool.ts'

/** Time between two refreshes that failed statements cause, so that a wrong statement costs the node next to nothing. */
const pauseMs = 1_000

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
    if (this.version === version) await this.#refresh(node)
    return this.version !== version
  }

  /** Whoever comes while a refresh is under way shares it. */
  #refresh(node: NodePool): Promise<void> {
    const sinceMs = this.#clock.monotonicMs() - this.#refreshedAtMs
    if (this.#refreshing === undefined && sinceMs < pauseMs) return Promise.resolve()
    this.#refreshing ??= this.#refreshOnce(node).finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
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
    sqlstate.startsWith('42') || sqlstate.startsWith('22P') || sqlstate === '0A000' || sqlstate === 'XX000'
  )
}
