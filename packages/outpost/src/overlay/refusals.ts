import { OutpostError } from '../errors/outpost-error.ts'

export interface Refusal {
  /** Why the statement cannot be served over pending rows. */
  readonly reason: string
  /** What to write instead. */
  readonly wayRound: string
}

/**
 * Every kind of statement that a merged read refuses: the whole list, from which
 * docs/reference/refused-statements.md is made. All else runs as if the pending rows were there.
 */
export const refusals = {
  not_a_select: {
    reason: 'Only one SELECT, VALUES or TABLE statement can be read with the pending rows merged in.',
    wayRound: 'Send one SELECT; record writes through a transaction.',
  },
  modifying_cte: {
    reason: 'A WITH clause that inserts, updates, deletes or merges is a write.',
    wayRound: 'Record the write through a transaction and read in a second statement.',
  },
  select_into: {
    reason: 'SELECT INTO creates a table.',
    wayRound: 'Leave INTO out.',
  },
  row_locking: {
    reason: 'FOR UPDATE and FOR SHARE lock rows of main; pending rows cannot be locked there.',
    wayRound: 'Leave the clause out; the site serialises checks of the rows that a transaction touches.',
  },
  system_column: {
    reason: 'ctid, xmin, xmax, cmin, cmax and tableoid do not exist for rows that main does not have yet.',
    wayRound: 'Use the primary key to identify a row and an own column for versions.',
  },
  tablesample: {
    reason: 'TABLESAMPLE picks pages of the stored table, where pending rows are not.',
    wayRound: 'Filter with random() < fraction.',
  },
  user_function: {
    reason: 'A function of the database may read tables by itself and would not see the pending rows.',
    wayRound: 'Write the function’s query in the statement.',
  },
  reads_by_name: {
    reason: 'The function reads a table or runs a query that it is given as text.',
    wayRound: 'Write the query in the statement.',
  },
  row_security: {
    reason: 'A table with row-level security filters stored rows only; pending rows would pass unfiltered.',
    wayRound:
      'Read the table on main through a connection of its own, or put the condition in the statement.',
  },
  materialized_view: {
    reason: 'A materialised view holds what its tables were when it was last refreshed.',
    wayRound: 'Select from the tables, or from a plain view.',
  },
  partition: {
    reason: 'Which partition a pending row will go to is decided on main.',
    wayRound: 'Select from the partitioned table with a condition on the partition key.',
  },
  no_primary_key: {
    reason: 'Without a primary key a pending row cannot be told from its stored copy.',
    wayRound: 'Give the table a primary key.',
  },
  grouped_without_equality: {
    reason:
      'GROUP BY the primary key shows a column whose type has no equality (json, xml, point …) and which is not grouped.',
    wayRound: 'Select that column in an outer query, or cast it to text or jsonb and group by it.',
  },
} as const satisfies Record<string, Refusal>

export type RefusalCode = keyof typeof refusals

/** `read_refused` with the reason, the way round and what in the statement it is about. */
export function refuse(code: RefusalCode, subject: string): OutpostError {
  const { reason, wayRound } = refusals[code]
  return new OutpostError('read_refused', `${subject}: ${reason}`, {
    hint: wayRound,
    details: { kind: code, subject },
  })
}
