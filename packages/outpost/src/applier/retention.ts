import type { TransactionStatus } from '../journal/journal.ts'
import { compareLsn, parseLsn } from '../position/lsn.ts'
import type { Seq } from '../transaction/transaction.ts'

export interface RetentionFacts {
  readonly nowMs: number
  /** After confirmation on the site's replica. */
  readonly retentionMs: number
  /** The current main's lineage; undefined before first contact. */
  readonly lineage: string | undefined
  /**
   * `timeline/LSN` flushed by each standby that could become main, undefined for one that is not known to have
   * anything; `none` when there is no such standby; `unknown` when nobody said: then everything is kept.
   */
  readonly promotable: readonly (string | undefined)[] | 'none' | 'unknown'
}

/**
 * Pure (N13): the newest seq up to which the journal may drop everything, or 0. A transaction goes only when its
 * ledger row was read on the replica, every standby that could become main has it, main is still the one that it was
 * applied on, and the retention has passed (E24). Dead letters that nobody has dealt with yet stop the drop.
 */
export function dropThrough(
  statuses: Iterable<readonly [Seq, TransactionStatus]>,
  facts: RetentionFacts,
): Seq {
  let through = 0
  for (const [seq, status] of statuses) {
    if (!mayGo(status, facts)) break
    through = seq
  }
  return through
}

function mayGo(status: TransactionStatus, facts: RetentionFacts): boolean {
  switch (status.state) {
    case 'gone':
    case 'resolved':
    case 'discarded':
    case 'superseded':
      return true
    case 'retained':
      return isOld(status, facts) && isOnMain(status, facts) && isCovered(status, facts)
    case 'buffered':
    case 'applied':
    case 'replicated':
    case 'rejected':
    case 'parked':
      return false
  }
}

function isOld(status: TransactionStatus, facts: RetentionFacts): boolean {
  return status.replicatedAtMs !== undefined && status.replicatedAtMs + facts.retentionMs <= facts.nowMs
}

function isOnMain(status: TransactionStatus, facts: RetentionFacts): boolean {
  return status.lineage !== undefined && status.lineage === facts.lineage
}

function isCovered(status: TransactionStatus, facts: RetentionFacts): boolean {
  if (facts.promotable === 'unknown') return false
  if (facts.promotable === 'none') return true
  return facts.promotable.every((standby) => standby !== undefined && hasReached(standby, status.position))
}

/** Positions of different timelines are never compared (P8): then it is kept. */
function hasReached(standby: string, position: string | undefined): boolean {
  if (position === undefined) return false
  const [standbyTimeline, standbyLsn] = split(standby)
  const [timeline, lsn] = split(position)
  return standbyTimeline === timeline && compareLsn(parseLsn(standbyLsn), parseLsn(lsn)) >= 0
}

function split(position: string): readonly [string, string] {
  const slash = position.indexOf('/')
  return [position.slice(0, slash), position.slice(slash + 1)]
}
