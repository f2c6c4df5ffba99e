import pg from 'pg'
import type { NodePool } from '../site/node-pool.ts'
import { type KeyRange, type KeyRangeText, rangeOf, rangeText } from './key-range.ts'

const timeoutMs = 10_000

/** For which table a site reserves numbers, as an operator has decided it on main. */
export interface KeyPlan {
  readonly table: string
  readonly column: string
  readonly blockSize: number
}

/** What a main said; `undefined` where it is not the one that was greeted. */
export type Answered<Value> = Value | undefined

/** The questions about reserved numbers that only main can answer. Errors: `main_unreachable`, what PostgreSQL says. */
export class MainKeys {
  readonly #main: NodePool
  readonly #site: string

  constructor(main: NodePool, site: string) {
    this.#main = main
    this.#site = site
  }

  async plans(): Promise<readonly KeyPlan[]> {
    return await this.#rows<KeyPlan>(
      'SELECT table_name AS "table", column_name AS "column", block_size AS "blockSize" FROM outpost.key_plan WHERE site = $1 ORDER BY 1',
      [this.#site],
    )
  }

  /** The next block, and where main stood once it was durable (`timeline/LSN`). */
  async reserve(
    table: string,
    lineage: string,
  ): Promise<Answered<{ readonly ranges: readonly KeyRange[]; readonly position: string }>> {
    const ranges = await this.#ranges('SELECT outpost.reserve_keys($1, $2, $3) AS ranges', [
      this.#site,
      table,
      lineage,
    ])
    return ranges && { ranges, position: await this.#position() }
  }

  /** What is still the site's of numbers that another main, or this one earlier, gave it. */
  async keep(
    table: string,
    lineage: string,
    ranges: readonly KeyRange[],
  ): Promise<Answered<{ readonly ranges: readonly KeyRange[]; readonly position: string }>> {
    const kept = await this.#ranges('SELECT outpost.keep_keys($1, $2, $3, $4) AS ranges', [
      this.#site,
      table,
      lineage,
      JSON.stringify(ranges.map(rangeText)),
    ])
    return kept && { ranges: kept, position: await this.#position() }
  }

  /** The last of these numbers, in their order, that a row of main has already: a copy of the journal knows less. */
  async lastUsed(plan: KeyPlan, ranges: readonly KeyRange[]): Promise<bigint | undefined> {
    for (const { first, last, step } of [...ranges].reverse()) {
      const column = pg.escapeIdentifier(plan.column)
      const [low, high] = step > 0n ? [first, last] : [last, first]
      const rows = await this.#rows<{ used: string | null }>(
        `SELECT ${step > 0n ? 'max' : 'min'}(${column})::text AS used FROM ${plan.table} WHERE ${column} BETWEEN $1 AND $2`,
        [String(low), String(high)],
      )
      const used = rows[0]?.used
      if (used !== null && used !== undefined) return BigInt(used)
    }
    return undefined
  }

  async #position(): Promise<string> {
    const rows = await this.#rows<{ position: string }>(
      `SELECT timeline || '/' || pg_current_wal_flush_lsn()::text AS position FROM outpost.server_identity()`,
      [],
    )
    return rows[0]!.position
  }

  async #ranges(sql: string, values: readonly unknown[]): Promise<Answered<readonly KeyRange[]>> {
    const rows = await this.#rows<{ ranges: readonly KeyRangeText[] | null }>(sql, values)
    return rows[0]?.ranges?.map(rangeOf)
  }

  async #rows<Row extends object>(sql: string, values: readonly unknown[]): Promise<readonly Row[]> {
    return await this.#main.run(timeoutMs, async (client) => {
      return (await client.query(sql, [...values])).rows as Row[]
    })
  }
}
