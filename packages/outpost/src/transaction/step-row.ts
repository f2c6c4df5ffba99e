import type { ForeignKey, Table } from '../postgres/catalog.ts'
import type { TextRow, TextValue } from './operation.ts'

/**
 * The row that a step writes, as far as the step knows it: complete for an insert, key and changed columns for an
 * update. May stand for a value in a later step: there it becomes the column that the foreign key refers to.
 */
export class StepRow {
  readonly table: Table
  /** Whole primary key as it is after the step. */
  readonly key: TextRow
  readonly row: TextRow

  constructor(table: Table, key: TextRow, row: TextRow) {
    this.table = table
    this.key = key
    this.row = row
  }

  /** The column's value in PostgreSQL's text; undefined when the step does not know it. */
  get(column: string): TextValue | undefined {
    return Object.hasOwn(this.row, column) ? this.row[column] : undefined
  }

  /** What the row is worth in `column` of another table: the referenced column, or its key when that is one column. */
  valueFor(table: Table, column: string): TextValue | undefined {
    const foreignKey = table.foreignKeys.find((candidate) => this.#isTarget(candidate, column))
    if (foreignKey !== undefined)
      return this.get(foreignKey.referencedColumns[foreignKey.columns.indexOf(column)]!)
    const [only, ...others] = this.table.primaryKey
    return only === undefined || others.length > 0 ? undefined : this.get(only)
  }

  #isTarget(foreignKey: ForeignKey, column: string): boolean {
    return foreignKey.columns.includes(column) && foreignKey.references === this.table.name
  }
}
