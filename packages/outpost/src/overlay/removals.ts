import type { TableName } from '../postgres/catalog.ts'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'

/**
 * Which tables have pending deletes, or updates of columns that are set together with others' references: what cascades
 * from there to other tables' rows, the overlay does not show.
 */
export class Removals {
  readonly #bySeq = new Map<Seq, readonly TableName[]>()
  readonly #counts = new Map<TableName, number>()
  readonly #isReferenced: (table: TableName, column: string) => boolean

  /** `isReferenced` tells whether a foreign key refers to the column. */
  constructor(isReferenced: (table: TableName, column: string) => boolean) {
    this.#isReferenced = isReferenced
  }

  has(table: TableName): boolean {
    return this.#counts.has(table)
  }

  add({ seq, operations }: Pick<TransactionRecord, 'seq' | 'operations'>): void {
    if (this.#bySeq.has(seq)) return
    const tables = operations.flatMap((operation) => {
      if (operation.kind === 'insert') return []
      if (operation.kind === 'delete') return operation.table
      const { table, set } = operation
      return Object.keys(set).some((column) => this.#isReferenced(table, column)) ? table : []
    })
    if (tables.length === 0) return
    this.#bySeq.set(seq, tables)
    for (const table of tables) this.#counts.set(table, (this.#counts.get(table) ?? 0) + 1)
  }

  remove(seq: Seq): void {
    for (const table of this.#bySeq.get(seq) ?? []) {
      const count = (this.#counts.get(table) ?? 0) - 1
      if (count > 0) this.#counts.set(table, count)
      else this.#counts.delete(table)
    }
    this.#bySeq.delete(seq)
  }
}
