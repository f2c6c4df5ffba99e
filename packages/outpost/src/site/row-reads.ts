import { OutpostError } from '../errors/outpost-error.ts'
import type { Overlay } from '../overlay/overlay.ts'
import type { Table } from '../postgres/catalog.ts'
import { textOf } from '../postgres/column-text.ts'
import { quoteIdent } from '../postgres/quote.ts'
import type { TextRow } from '../transaction/operation.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { MergedReadOptions, MergedReads } from './merged-reads.ts'

export interface FoundRow {
  readonly row: TextRow
  readonly state: TransactionState
}

/**
 * One row by primary key. A pending insert answers from the journal alone, so that what was just recorded can be
 * read with every database away; everything else is read merged. So is every row for a caller that has seen what others
 * made of rows of this site: only a node can tell whether that is past what is pending here (N21).
 *
 * Undefined where absence is proven. Error: `not_here_yet` when no database could prove it (N21).
 */
export async function readRowByKey(
  table: Table,
  key: TextRow,
  overlay: Overlay,
  reads: Pick<MergedReads, 'read'>,
  options: MergedReadOptions,
): Promise<FoundRow | undefined> {
  const pending = options.seen ? undefined : await overlay.row(table.name, key)
  if (pending?.kind === 'delete') return undefined
  const image = pending?.kind === 'insert' ? { row: pending.image, state: pending.state } : undefined
  if (image && isWholeAnswer(table, image.state)) return image
  try {
    const statement = selectByKey(table, key)
    const { rows } = await reads.read<Record<string, string | null>>(
      statement.text,
      statement.values,
      options,
    )
    const row = rows[0]
    return row && { row, state: overlay.stateOf(table.name, key) }
  } catch (error) {
    if (!isUnreachable(error)) throw error
    if (image) return image
    throw new OutpostError(
      'not_here_yet',
      `Whether ${table.name} has this row cannot be told now: ${error.message}`,
      {
        cause: error,
      },
    )
  }
}

/** Main's row wins over a refused insert of the same key (N20), and generated columns are computed by a database. */
function isWholeAnswer(table: Table, state: TransactionState): boolean {
  return (
    state !== 'rejected' &&
    state !== 'parked' &&
    table.columns.every((column) => column.generatedSql === undefined)
  )
}

function isUnreachable(error: unknown): error is OutpostError {
  return (
    error instanceof OutpostError &&
    (error.code === 'main_unreachable' || error.code === 'replica_unreachable')
  )
}

/** Every column as the text that a journalled row has, whatever the session's time zone. Pure. */
function selectByKey(
  table: Table,
  key: TextRow,
): { readonly text: string; readonly values: readonly string[] } {
  const names = table.primaryKey
  const missing = names.find((name) => typeof key[name] !== 'string')
  if (names.length === 0 || missing !== undefined) {
    throw new OutpostError(
      'missing_key',
      `A row of ${table.name} is named by ${names.join(', ') || 'a primary key'}.`,
    )
  }
  const columns = table.columns.map((column) => `${textOf(column)} AS ${quoteIdent(column.name)}`)
  const types = new Map(table.columns.map((column) => [column.name, column.type.name]))
  const conditions = names.map((name, index) => `${quoteIdent(name)} = $${index + 1}::${types.get(name)}`)
  return {
    text: `SELECT ${columns.join(', ')} FROM ${table.name} WHERE ${conditions.join(' AND ')}`,
    values: names.map((name) => key[name] as string),
  }
}
