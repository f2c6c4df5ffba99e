import type { Epoch, Seq } from '../transaction/transaction.ts'
import { isComparable, laterPosition, type Position } from './position.ts'

/** The newest record of one life of a site's journal that a client has seen (N21). */
export interface SeenRecord {
  readonly site: string
  readonly epoch: Epoch
  readonly seq: Seq
}

/**
 * What a client has seen: at most one position for each history, and at most one record for each epoch of each site.
 * A node is fresh enough for it when it has every position of its own lineage, and every record in ledger or overlay.
 */
export interface Token {
  readonly positions: readonly Position[]
  readonly seen: readonly SeenRecord[]
}

export const emptyToken: Token = { positions: [], seen: [] }

/**
 * Everything that any of the tokens has seen: the maximum for each history and for each epoch. Epochs are random, so
 * one never stands for another. Commutative, associative and idempotent; the answer is in canonical order.
 */
export function mergeTokens(...tokens: readonly Token[]): Token {
  const positions: Position[] = []
  for (const position of tokens.flatMap((token) => token.positions)) {
    const index = positions.findIndex((known) => isComparable(known, position))
    if (index === -1) positions.push(position)
    else positions[index] = laterPosition(positions[index]!, position)
  }
  const seen = new Map<string, SeenRecord>()
  for (const record of tokens.flatMap((token) => token.seen)) {
    const key = JSON.stringify([record.site, record.epoch])
    const known = seen.get(key)
    if (known === undefined || known.seq < record.seq) seen.set(key, record)
  }
  return { positions: positions.sort(byHistory), seen: [...seen.values()].sort(bySite) }
}

/**
 * The token without the records that `isSettled` says every reader has by now (confirmed and dropped, or covered by a
 * position in the token). Sites prune before they answer, so that a token does not grow with every restart.
 */
export function pruneToken(token: Token, isSettled: (record: SeenRecord) => boolean): Token {
  return { positions: token.positions, seen: token.seen.filter((record) => !isSettled(record)) }
}

/** True when `token` has seen all that `other` has. */
export function includesToken(token: Token, other: Token): boolean {
  return (
    other.positions.every((p) => token.positions.some((own) => isComparable(own, p) && own.lsn >= p.lsn)) &&
    other.seen.every((r) =>
      token.seen.some((own) => own.site === r.site && own.epoch === r.epoch && own.seq >= r.seq),
    )
  )
}

function byHistory(a: Position, b: Position): number {
  return (
    compareText(a.lineage, b.lineage) ||
    compareText(a.systemIdentifier, b.systemIdentifier) ||
    a.timeline - b.timeline
  )
}

function bySite(a: SeenRecord, b: SeenRecord): number {
  return compareText(a.site, b.site) || compareText(a.epoch, b.epoch)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
