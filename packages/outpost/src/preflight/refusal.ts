import { OutpostError } from '../errors/outpost-error.ts'
import type { FoldedRow } from '../overlay/overlay.ts'
import type { TextRow, TextValue } from '../transaction/operation.ts'
import type { Finding } from './inquiry.ts'

/**
 * The error for a broken constraint. `details`: `constraint`, `table`, `columns`; of a conflicting row `conflict` with
 * its `table`, `key`, whether it is `pending` (then with `transaction_id` and `transaction_state`) or of the same
 * transaction; `confirmed_by_main`. Pure.
 */
export function refusalOf(
  finding: Finding,
  pending: Pick<FoldedRow, 'transactionId' | 'state'> | undefined,
  isConfirmed: boolean,
): OutpostError {
  const { kind, table, constraint, columns, otherTable, conflict } = finding
  const facts = { table, constraint, columns, confirmed_by_main: isConfirmed }
  const details = conflict
    ? { ...facts, conflict: { table: otherTable, ...conflictOf(conflict.key, conflict.isOwn, pending) } }
    : facts
  switch (kind) {
    case 'check':
      return new OutpostError('check_failed', `A row of ${table} breaks the rule ${constraint}.`, { details })
    case 'unique':
      return new OutpostError(
        'already_exists',
        conflict?.isOwn
          ? `The transaction writes two rows of ${table} with ${described(finding)} (${constraint}).`
          : `The table ${table} has a row with ${described(finding)} (${constraint})${stateOf(pending)}.`,
        { details },
      )
    case 'reference_missing':
      return new OutpostError(
        'reference_missing',
        `The table ${otherTable} has no row that ${table} refers to with ${described(finding)} (${constraint}).`,
        { details: { ...details, references: otherTable } },
      )
    case 'reference_in_use':
      return new OutpostError(
        'reference_in_use',
        `The table ${otherTable} has rows that refer to ${table} with ${described(finding)} (${constraint})${stateOf(pending)}.`,
        { details },
      )
  }
}

function conflictOf(
  key: TextRow,
  isOwn: boolean,
  pending: Pick<FoldedRow, 'transactionId' | 'state'> | undefined,
) {
  if (isOwn) return { same_transaction: true }
  if (!pending) return { key, pending: false }
  return { key, pending: true, transaction_id: pending.transactionId, transaction_state: pending.state }
}

const stateOf = (pending: unknown): string => (pending ? ', not on main yet' : '')

/** Longest text of a value in a message. */
const maximumValue = 80

function described({ columns, values }: Finding): string {
  return columns.map((name, index) => `${name} = ${shown(values[index] ?? null)}`).join(', ')
}

function shown(value: TextValue): string {
  if (value === null) return 'NULL'
  return value.length > maximumValue ? `${value.slice(0, maximumValue)}…` : value
}
