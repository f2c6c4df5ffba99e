import type pg from 'pg'
import { OutpostError } from '../errors/outpost-error.ts'
import type { Journal } from '../journal/journal.ts'
import type { Coverage, MergedRead, NodeExecutor, Overlay } from '../overlay/overlay.ts'
import type { SeenRecord } from '../position/token.ts'
import { arrivedFor } from './arrived.ts'
import type { CatalogRepair } from './catalog-repair.ts'
import type { NodeName, NodePool } from './node-pool.ts'
import type { ReadAnswer } from './site-api.ts'

export interface MergedReadsOptions {
  readonly siteName: string
  readonly journal: Pick<Journal, 'catchUp' | 'epochs' | 'getMany' | 'status'>
  readonly overlay: Pick<Overlay, 'query' | 'floor'>
  readonly main: NodePool
  /** Undefined at the main site, which reads on main. */
  readonly replica: NodePool | undefined
  /** Where the main site reads while main is away. */
  readonly standby: NodePool | undefined
  /** Lineage row that a node must show, undefined before first contact with main. */
  readonly lineage: () => string | undefined
  /** Puts everything retained over the nodes again (see `PutBack`). */
  readonly putBack: () => Promise<void>
  /** Looks whether a failed statement was made for tables that have another form by now. */
  readonly repair: Pick<CatalogRepair, 'version' | 'isOutdated'>
  /** Told when a node was found without the lineage row; the confirmer looks into it. */
  readonly onUncovered: (node: NodeName, what: 'lineage' | 'floor') => void
}

export interface MergedReadOptions {
  readonly timeoutMs: number
  readonly node?: NodeName
  /** What the caller has seen elsewhere; a node that lacks one of them answers `not_here_yet` (N21). */
  readonly seen?: readonly SeenRecord[]
}

/** What one try on one node came to. */
type Attempt =
  | { readonly kind: 'served'; readonly read: MergedRead }
  | { readonly kind: 'unreachable'; readonly error: OutpostError }
  | { readonly kind: 'uncovered'; readonly what: 'lineage' | 'floor' }

/**
 * Serves a SELECT from the node that can prove it has everything taken out of the overlay (N15, N17).
 *
 * The replica is asked first, then main. A node that lacks the floor makes the retained transactions re-enter the
 * overlay, after which any node of the lineage will do. The main site asks main first and its standby, if it has one,
 * when main is away. A replica off main's lineage is used only when main is
 * away, and then with everything that the journal retains put back over it.
 */
export class MergedReads {
  readonly #options: MergedReadsOptions
  readonly #withoutNames = new Set<NodeName>()

  constructor(options: MergedReadsOptions) {
    this.#options = options
  }

  async read<Row>(
    sql: string,
    values: readonly unknown[],
    options: MergedReadOptions,
  ): Promise<ReadAnswer<Row>> {
    const { journal } = this.#options
    await journal.catchUp()
    const tried: string[] = []
    const first = await this.#tryNodes(sql, values, options, tried)
    if (first.served) return answer<Row>(first.served, tried)
    if (first.lacksFloor || first.replicaLacksLineage) await this.#options.putBack()
    if (first.lacksFloor) {
      const second = await this.#tryNodes(sql, values, options, tried)
      if (second.served) return answer<Row>(second.served, tried)
    }
    if (first.replicaLacksLineage) {
      const last = await this.#tryDivergedReplica(sql, values, options, tried)
      if (last) return answer<Row>(last, tried)
    }
    throw nothingAnswered(first.error, tried)
  }

  async #tryNodes(sql: string, values: readonly unknown[], options: MergedReadOptions, tried: string[]) {
    const outcome = {
      served: undefined as { read: MergedRead; node: NodeName } | undefined,
      lacksFloor: false,
      replicaLacksLineage: false,
      error: undefined as OutpostError | undefined,
    }
    for (const node of this.#candidates(options.node)) {
      // A replica off the lineage can still serve in the end; then a main that just failed is not waited for again.
      if (outcome.replicaLacksLineage && !node.isUsable) continue
      const insists = options.node === undefined
      const attempt = await this.#try(node, sql, values, options, this.#coverage(), insists)
      switch (attempt.kind) {
        case 'served':
          outcome.served = { read: attempt.read, node: node.name }
          return outcome
        case 'unreachable':
          outcome.error = attempt.error
          tried.push(`${node.name}: ${attempt.error.message}`)
          break
        case 'uncovered':
          this.#options.onUncovered(node.name, attempt.what)
          outcome.lacksFloor ||= attempt.what === 'floor'
          outcome.replicaLacksLineage ||= attempt.what === 'lineage' && node === this.#options.replica
          tried.push(`${node.name}: lacks the ${attempt.what}`)
          break
      }
    }
    return outcome
  }

  /** N15: it stays readable with everything retained over it; better than no answer while main is away. */
  async #tryDivergedReplica(
    sql: string,
    values: readonly unknown[],
    options: MergedReadOptions,
    tried: string[],
  ): Promise<{ read: MergedRead; node: NodeName } | undefined> {
    const { replica, siteName } = this.#options
    if (!replica || options.node === 'main') return undefined
    const attempt = await this.#try(replica, sql, values, options, { site: siteName })
    if (attempt.kind !== 'served') return undefined
    tried.push('replica: off the lineage of main, served with everything retained put back')
    return { read: attempt.read, node: 'replica' }
  }

  #candidates(only: NodeName | undefined): NodePool[] {
    const { main, replica, standby } = this.#options
    const other = replica ?? standby
    if (!other) return [main]
    if (only) return [only === 'main' ? main : other]
    const [first, second] = replica ? [replica, main] : [main, other]
    // One that failed a moment ago is asked last, but it is asked: an answer late is better than none.
    return first.isUsable ? [first, second] : [second, first]
  }

  #coverage(): Coverage {
    const { siteName, overlay } = this.#options
    const lineage = this.#options.lineage()
    const { floor } = overlay
    return { site: siteName, ...(lineage && { lineage }), ...(floor && { floor }) }
  }

  /**
   * Behind a transaction-mode pooler the next transaction has another backend, where the name of a prepared statement
   * means nothing (pgbouncer before 1.21). A node that says so is asked without names from then on. A statement made
   * for tables that have another form by now is made once more: one that fails again is wrong, or the tables change
   * faster than they can be read.
   */
  async #ask(
    node: NodePool,
    sql: string,
    values: readonly unknown[],
    { timeoutMs, seen }: MergedReadOptions,
    coverage: Coverage,
    insists: boolean,
  ): Promise<MergedRead> {
    const { repair, overlay } = this.#options
    const scope = { coverage, ...(seen && { findArrived: arrivedFor(seen, this.#options) }) }
    for (let isRepaired = false; ; ) {
      const usesNames = !this.#withoutNames.has(node.name)
      const { version } = repair
      try {
        return await node.run(
          timeoutMs,
          (client) => overlay.query(executorOf(client, usesNames), sql, values, scope),
          { insists },
        )
      } catch (error) {
        const isUnnamed = usesNames && nameErrors.has((error as { code?: unknown }).code)
        if (isUnnamed) this.#withoutNames.add(node.name)
        else if (isRepaired || !(await repair.isOutdated(error, version, node))) throw error
        else isRepaired = true
      }
    }
  }

  async #try(
    node: NodePool,
    sql: string,
    values: readonly unknown[],
    options: MergedReadOptions,
    coverage: Coverage,
    insists = true,
  ): Promise<Attempt> {
    try {
      return { kind: 'served', read: await this.#ask(node, sql, values, options, coverage, insists) }
    } catch (error) {
      if (
        error instanceof OutpostError &&
        (error.code === 'main_unreachable' || error.code === 'replica_unreachable')
      ) {
        return { kind: 'unreachable', error }
      }
      const sqlstate = (error as { code?: unknown }).code
      if (sqlstate === 'OP001') return { kind: 'uncovered', what: 'lineage' }
      if (sqlstate === 'OP002') return { kind: 'uncovered', what: 'floor' }
      // A server that was put in the replica's place, or one behind a migration. Main knows whether there is no such
      // thing; who asks this node alone is told what it says.
      if (insists && node === this.#options.replica && missingCodes.has(sqlstate)) {
        const message = `The replica has not what the read asks for: ${(error as Error).message}.`
        return {
          kind: 'unreachable',
          error: new OutpostError('replica_unreachable', message, { cause: error }),
        }
      }
      throw error
    }
  }
}

/** The table, the schema or the function is not there. */
const missingCodes: ReadonlySet<unknown> = new Set(['42P01', '3F000', '42883'])

/** The name is known on this backend already, or not any more. */
const nameErrors: ReadonlySet<unknown> = new Set(['42P05', '26000'])

/** A pg client as the overlay sees it. */
function executorOf(client: pg.PoolClient, usesNames = true): NodeExecutor {
  return {
    query: async ({ text, values, name, rowMode }) => {
      const named = usesNames && name !== undefined
      const config = { text, values: [...values], ...(named && { name }), ...(rowMode && { rowMode }) }
      const result = await client.query(config)
      return { rows: result.rows, fields: result.fields, rowCount: result.rowCount }
    },
  }
}

function answer<Row>(
  served: { read: MergedRead; node: NodeName },
  tried: readonly string[],
): ReadAnswer<Row> {
  const why = tried.length === 0 ? `${served.node} covers everything needed` : tried.join('; ')
  return { rows: served.read.rows as unknown as readonly Row[], servedBy: served.node, why }
}

function nothingAnswered(error: OutpostError | undefined, tried: readonly string[]): OutpostError {
  const code = error?.code === 'replica_unreachable' ? 'replica_unreachable' : 'main_unreachable'
  return new OutpostError(code, `No database could serve the read (${tried.join('; ')}).`, {
    hint: 'Rows recorded at this site can still be read by id; lists need the replica or main.',
    ...(error && { cause: error }),
  })
}
