import { type ConflictDocument, renderConflict } from './conflicts.ts'
import { formatTime } from './quantity.ts'
import { renderFacts, renderTable } from './table.ts'

/** A transaction as a site's API shows it, the parts that the command prints. */
export interface TransactionDocument {
  readonly id: string
  readonly state: string
  readonly epoch: string
  readonly seq: number
  readonly buffered_at: string | null
  readonly applied_at: string | null
  readonly rejected_at: string | null
  readonly replicated_at: string | null
  readonly position: string | null
  readonly attempts: number
  readonly redriven: number
  readonly operation_count: number
  readonly flags: readonly string[]
  readonly depends_on: readonly number[]
  readonly parked_by: readonly number[] | 'stuck' | null
  readonly replaces: string | null
  readonly actor: string | null
  readonly rejection: {
    readonly code?: string | null
    readonly sqlstate: string | null
    readonly constraint: string | null
    readonly message: string | null
    readonly detail: string | null
  } | null
  readonly decided_by?: {
    readonly transaction_id: string
    readonly kind: string
    readonly reason: string | null
    readonly actor: string | null
    readonly at: string
  } | null
  readonly overruled?: boolean
  readonly conflicts?: {
    readonly answered: boolean
    readonly reason?: string
    readonly items?: readonly ConflictDocument[]
  }
  readonly cone?: {
    readonly count: number
    readonly first: readonly { readonly seq: number; readonly id: string; readonly state: string }[]
  }
  readonly main?: {
    readonly answered: boolean
    readonly reason?: string
    readonly rows?: readonly MainRowDocument[]
  } | null
  readonly operations?: readonly TransactionOperation[]
}

interface MainRowDocument {
  readonly why: string
  readonly table: string
  readonly key: Readonly<Record<string, string | null>>
  readonly row: Readonly<Record<string, unknown>> | null
}

interface TransactionOperation {
  readonly kind: 'insert' | 'update' | 'delete'
  readonly table: string
  readonly row?: Readonly<Record<string, string | null>>
  readonly key?: Readonly<Record<string, string | null>>
  readonly set?: Readonly<Record<string, string | null>>
  readonly seen?: Readonly<Record<string, string | null>>
}

/** A page of transactions, oldest first. */
export interface TransactionPage {
  readonly items: readonly TransactionDocument[]
  /** Where the next page goes on, null after the last one. */
  readonly next_after: number | null
}

export function renderTransactions(page: TransactionPage): string {
  if (page.items.length === 0) return 'No transactions.\n'
  const table = renderTable<TransactionDocument>(
    [
      { title: 'SEQ', value: (transaction) => String(transaction.seq), align: 'right' },
      { title: 'ID', value: (transaction) => transaction.id },
      { title: 'STATE', value: (transaction) => transaction.state },
      { title: 'BUFFERED', value: (transaction) => formatTime(transaction.buffered_at) },
      { title: 'APPLIED', value: (transaction) => formatTime(transaction.applied_at) },
      { title: 'REPLICATED', value: (transaction) => formatTime(transaction.replicated_at) },
      { title: 'OPS', value: (transaction) => String(transaction.operation_count), align: 'right' },
      { title: 'WHY', value: describeReason },
    ],
    page.items,
  )
  return page.next_after === null ? table : `${table}more: --after ${page.next_after}\n`
}

/** Every step of one transaction with its time, then what it writes (P12). */
export function renderTransaction(transaction: TransactionDocument): string {
  const facts = renderFacts([
    ['id', transaction.id],
    ['state', transaction.state],
    ['seq', `${transaction.seq} of epoch ${transaction.epoch}`],
    ['buffered', formatTime(transaction.buffered_at)],
    ...outcomeFacts(transaction),
    ...optionalFacts(transaction),
  ])
  const operations = (transaction.operations ?? []).map((operation) => `  ${renderOperation(operation)}\n`)
  return `${facts}${operations.length > 0 ? `operations\n${operations.join('')}` : ''}${coneOf(transaction)}${conflictsOf(transaction)}${mainOf(transaction)}`
}

function coneOf({ cone }: TransactionDocument): string {
  if (cone === undefined || cone.count === 0) return ''
  const lines = cone.first.map(({ seq, id, state }) => `  ${seq} ${id} ${state}\n`)
  const more = cone.count > lines.length ? `  and ${cone.count - lines.length} more\n` : ''
  return `waiting for it: ${cone.count}\n${lines.join('')}${more}`
}

function conflictsOf({ id, conflicts }: TransactionDocument): string {
  if (conflicts === undefined) return ''
  if (!conflicts.answered) return `no database tells of conflicts: ${conflicts.reason ?? ''}\n`
  const { items = [] } = conflicts
  return items.length === 0 ? '' : `conflicts\n${items.map((item) => renderConflict(item, id)).join('')}`
}

function mainOf({ main }: TransactionDocument): string {
  if (main === undefined || main === null) return ''
  if (!main.answered) return `main does not answer: ${main.reason ?? ''}\n`
  if (main.rows === undefined || main.rows.length === 0) return 'main has no row that tells more\n'
  const lines = main.rows.map(({ why, table, key, row }) => {
    const found = row === null ? 'no such row' : JSON.stringify(row)
    return `  ${why} ${table} ${renderValues(key)}: ${found}\n`
  })
  return `on main now\n${lines.join('')}`
}

function outcomeFacts(transaction: TransactionDocument): readonly (readonly [string, string])[] {
  if (transaction.rejected_at !== null) return [['rejected', formatTime(transaction.rejected_at)]]
  return [
    ['applied', formatTime(transaction.applied_at)],
    ['replicated', formatTime(transaction.replicated_at)],
  ]
}

function optionalFacts(transaction: TransactionDocument): readonly (readonly [string, string])[] {
  const facts: readonly (readonly [string, string])[] = [
    ['position', transaction.position ?? ''],
    ['attempts', transaction.attempts > 0 ? String(transaction.attempts) : ''],
    ['redriven', transaction.redriven > 0 ? `${timesOf(transaction.redriven)}: main had lost it` : ''],
    ['overruled', transaction.overruled ? 'something of it gave way to another change' : ''],
    ['flags', transaction.flags.join(', ')],
    ['depends on', transaction.depends_on.join(', ')],
    ['replaces', transaction.replaces ?? ''],
    ['actor', transaction.actor ?? ''],
    ['why', describeReason(transaction)],
    ['detail', transaction.rejection?.detail ?? ''],
    ['decided', describeDecision(transaction)],
  ]
  return facts.filter(([, value]) => value !== '')
}

function describeDecision({ decided_by: by }: TransactionDocument): string {
  if (by === undefined || by === null) return ''
  const who = by.actor === null ? '' : ` by ${by.actor}`
  const why = by.reason === null ? '' : `: ${JSON.stringify(by.reason)}`
  return `${by.kind}${who} at ${formatTime(by.at)}${why} (transaction ${by.transaction_id})`
}

function timesOf(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}

function describeReason({ state, rejection, parked_by: parkedBy }: TransactionDocument): string {
  if (parkedBy !== null && parkedBy !== 'stuck')
    return state === 'parked' ? `waits for ${parkedBy.join(', ')}` : ''
  const constraint = rejection?.constraint ? ` (${rejection.constraint})` : ''
  const reason = `${rejection?.sqlstate ?? ''} ${rejection?.message ?? ''}${constraint}`.trim()
  if (parkedBy === null) return reason
  return reason === '' ? 'stuck' : `stuck: ${reason}`
}

function renderOperation({ kind, table, row, key, set, seen }: TransactionOperation): string {
  const parts = [`${kind} ${table}`]
  if (key) parts.push(`where ${renderValues(key)}`)
  if (row ?? set) parts.push(renderValues(row ?? set ?? {}))
  if (seen) parts.push(`having seen ${renderValues(seen)}`)
  return parts.join(' ')
}

/** Values come from clients: quoted as JSON, a control character cannot reach the terminal. */
function renderValues(values: Readonly<Record<string, string | null>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(' ')
}
