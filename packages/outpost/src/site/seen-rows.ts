import type { Clock } from '../clock/clock.ts'
import type { Catalog, Table } from '../postgres/catalog.ts'
import { operationsDigest } from '../transaction/digest.ts'
import type { Operation, TextRow } from '../transaction/operation.ts'
import { rowKey } from '../transaction/row-key.ts'
import { policyOf, rootTable } from '../transaction/table-plan.ts'
import type { TransactionDraft } from '../transaction/transaction.ts'

/** Changes of one transaction that are completed; a bulk change says itself what its client saw. */
const maximumChanges = 20
/** Of a delete, which rests on the whole row: longer values stay out. */
const maximumLength = 200
/** As long as the pre-flight may take by default: recording never depends on a node. */
const budgetMs = 50

type Content = Pick<TransactionDraft, 'operations' | 'digest'>

export interface SeenRowsOptions {
  readonly clock: Clock
  readonly catalog: () => Catalog
  /**
   * The row as the site shows it; rejects where it cannot tell. Its own deadline is longer than the budget here: ending a
   * look at the budget would close its connection, and one slow moment would cost the next requests theirs.
   */
  readonly read: (table: Table, key: TextRow) => Promise<TextRow | undefined>
}

/**
 * Says of a change what its client saw, where the client did not and main's policy looks at it: what the site itself
 * shows of the row at this moment. So a change that another site has made meanwhile is found to be a conflict, and one
 * that was seen is none. Recording never depends on it: what cannot be read in time is left out.
 */
export class SeenRows {
  readonly #options: SeenRowsOptions

  constructor(options: SeenRowsOptions) {
    this.#options = options
  }

  async complete({ operations, digest }: Content): Promise<Content> {
    const policies = this.#options.catalog().policies
    if (policies === undefined) return { operations, digest }
    const chosen = this.#firstChanges(operations)
    if (chosen.size === 0) return { operations, digest }
    const done = new AbortController()
    const budget = this.#options.clock.sleep(budgetMs, done.signal).then(() => undefined)
    const completed = await Promise.all(
      operations.map(async (operation) =>
        chosen.has(operation) ? await this.#complete(operation, budget) : operation,
      ),
    )
    done.abort()
    return { operations: completed, digest: operationsDigest(completed) }
  }

  /** Of each row the first change alone: the next one sees what that has made of it. */
  #firstChanges(operations: readonly Operation[]): ReadonlySet<Operation> {
    const catalog = this.#options.catalog()
    const touched = new Set<string>()
    const chosen = new Set<Operation>()
    for (const operation of operations) {
      const table = catalog.tables.get(operation.table)
      if (table === undefined) continue
      const name = rowKey(
        rootTable(catalog, table),
        operation.kind === 'insert' ? operation.row : operation.key,
      )
      const isFirst = name !== undefined && !touched.has(name)
      if (name !== undefined) touched.add(name)
      if (!isFirst || operation.kind === 'insert' || operation.seen !== undefined) continue
      if (policyOf(catalog, table) !== undefined && chosen.size < maximumChanges) chosen.add(operation)
    }
    return chosen
  }

  async #complete(operation: Operation, budget: Promise<undefined>): Promise<Operation> {
    const table = this.#options.catalog().tables.get(operation.table)
    if (table === undefined || operation.kind === 'insert') return operation
    // A node that is away or slow says nothing: then nothing was seen that could be told.
    const looking = this.#options.read(table, operation.key).catch(() => undefined)
    const row = await Promise.race([looking, budget])
    if (row === undefined) return operation
    const seen = operation.kind === 'update' ? only(row, Object.keys(operation.set)) : short(row)
    return Object.keys(seen).length === 0 ? operation : { ...operation, seen }
  }
}

function only(row: TextRow, columns: readonly string[]): TextRow {
  return Object.fromEntries(columns.flatMap((name) => (Object.hasOwn(row, name) ? [[name, row[name]!]] : [])))
}

function short(row: TextRow): TextRow {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => (value?.length ?? 0) <= maximumLength))
}
