import { formatTime } from './quantity.ts'

type JsonRow = Readonly<Record<string, unknown>>

/** A conflict as a site's API shows it, the parts that the command prints. */
export interface ConflictDocument {
  readonly id: string
  readonly at: string
  readonly table: string
  readonly key: JsonRow
  readonly policy: string
  readonly site: string
  readonly transaction_id: string
  readonly other_sites: readonly string[]
  readonly other_transactions: readonly string[]
  readonly columns: readonly string[]
  readonly base: JsonRow | null
  readonly mine: JsonRow | null
  readonly theirs: JsonRow | null
  readonly result: JsonRow | null
  readonly winner: 'mine' | 'theirs' | 'merged'
  readonly lost: readonly string[]
  readonly rejected: boolean
}

/** Base, mine and theirs of one conflict, from the side of `viewer` where it is one of its transactions. */
export function renderConflict(conflict: ConflictDocument, viewer?: string): string {
  const { at, table, key, policy, columns, base, mine, theirs, result } = conflict
  const lines = [
    `  ${formatTime(at)} ${table} ${values(key)}: ${columns.join(', ')} (${policy}) ${outcomeOf(conflict, viewer)}`,
    `    ${conflict.site} (transaction ${conflict.transaction_id}) wanted ${mine === null ? 'to delete it' : values(mine)}`,
    `    its client had seen ${base === null ? 'nothing that it told of' : values(base)}`,
    `    main had ${theirs === null ? 'no such row any more' : values(theirs)}${setBy(conflict)}`,
    ...(result === null ? [] : [`    its policy made of both ${values(result)}`]),
  ]
  return `${lines.join('\n')}\n`
}

export function renderConflicts(items: readonly ConflictDocument[], nextBefore: string | null): string {
  if (items.length === 0) return 'No conflicts.\n'
  const more = nextBefore === null ? '' : `more: --before ${nextBefore}\n`
  return `${items.map((item) => renderConflict(item)).join('')}${more}`
}

function setBy({ other_sites: sites, other_transactions: transactions }: ConflictDocument): string {
  return sites.length === 0 ? '' : `, set by ${sites.join(', ')} (transaction ${transactions.join(', ')})`
}

function outcomeOf(
  { winner, lost, rejected, transaction_id: id }: ConflictDocument,
  viewer?: string,
): string {
  if (rejected) return 'refused: main kept what it had'
  const isOther = viewer !== undefined && viewer !== id
  switch (winner) {
    case 'mine':
      return isOther ? 'overwritten' : 'overwrote what main had'
    case 'theirs':
      return isOther ? 'kept' : 'overruled: main kept what it had'
    case 'merged':
      return `merged: not taken over were ${lost.join(', ')}`
  }
}

/** Values come from clients: quoted as JSON, a control character cannot reach the terminal. */
function values(row: JsonRow): string {
  return Object.entries(row)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(' ')
}
