import { OutpostError } from '../errors/outpost-error.ts'
import type { Table } from '../postgres/catalog.ts'
import type { TextRow } from '../transaction/operation.ts'
import { toText } from '../transaction/to-text.ts'

/** A primary key as a caller writes it → the texts that the journal has. Errors: `missing_key`, `invalid_value`. */
export function keyTexts(table: Table, key: Readonly<Record<string, unknown>>): TextRow {
  const texts: Record<string, string | null> = {}
  for (const name of table.primaryKey) {
    const column = table.columns.find((candidate) => candidate.name === name)
    if (!column || key[name] === undefined || key[name] === null) {
      throw new OutpostError(
        'missing_key',
        `A row of ${table.name} is named by ${table.primaryKey.join(', ')}.`,
      )
    }
    texts[name] = toText(key[name], column.type, { table: table.name, column: name })
  }
  return texts
}
