import type { JournalStatistics, TransactionStatus } from '../journal/journal.ts'
import { compareLsn, parseLsn } from '../position/lsn.ts'
import type { Seq } from '../transaction/transaction.ts'
import type { CarriedOver } from './carried-over.ts'

export interface RetentionFacts {
  /** Of a decision about the transaction that is judged. */
  statusOf(seq: Seq): TransactionStatus
  readonly nowMs: number
  /** After confirmation on the site's replica. */
  readonly retentionMs: number
  /** Up to here the retention is cut short, for want of room. */
  readonly shedThrough?: Seq
  /** The current main's lineage; undefined before first contact. */
  readonly lineage: string | undefined
  /** What an earlier main applied and the present one has too; nothing when left out. */
  readonly carried?: CarriedOver | undefined
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
    if (!mayGo(seq, status, facts)) break
    through = seq
  }
  return through
}

/**
 * Pure: the seq through which a journal has to forget so that about `maxBytes` are left, 0 when it need not. Only the
 * age is passed over for it; every other condition of {@link dropThrough} holds.
 */
export function shedThrough(
  { bytes, firstSeq, lastSeq }: Pick<JournalStatistics, 'bytes' | 'firstSeq' | 'lastSeq'>,
  maxBytes: number,
): Seq {
  if (bytes <= maxBytes) return 0
  const share = (bytes - maxBytes) / bytes
  return firstSeq - 1 + Math.ceil((lastSeq - firstSeq + 1) * share)
}

function mayGo(seq: Seq, status: TransactionStatus, facts: RetentionFacts): boolean {
  switch (status.state) {
    case 'gone':
      return true
    case 'resolved':
    case 'discarded':
    case 'superseded':
      // It stays as long as its decision, so that both can be looked up, here and in the ledger.
      return (
        status.decidedBy === undefined || mayGo(status.decidedBy, facts.statusOf(status.decidedBy), facts)
      )
    case 'retained':
      return isSafe(seq, status, facts) || isSafe(seq, carriedStatus(seq, status, facts.carried), facts)
    case 'buffered':
    case 'applied':
    case 'replicated':
    case 'rejected':
    case 'parked':
      return false
  }
}

function isSafe(seq: Seq, status: TransactionStatus, facts: RetentionFacts): boolean {
  return isOld(seq, status, facts) && isOnMain(status, facts) && isCovered(status, facts)
}

/**
 * After a failover the row keeps the lineage under which it was applied, so that a row of a lost branch proves nothing
 * (N15). For forgetting it counts as if the present main had applied it when the two were found to agree.
 */
function carriedStatus(
  seq: Seq,
  status: TransactionStatus,
  carried: CarriedOver | undefined,
): TransactionStatus {
  if (carried === undefined || seq > carried.through || status.replicatedAtMs === undefined) return status
  const { lineage, position, sinceMs } = carried
  return { ...status, lineage, position, replicatedAtMs: Math.max(status.replicatedAtMs, sinceMs) }
}

function isOld(seq: Seq, status: TransactionStatus, facts: RetentionFacts): boolean {
  if (status.replicatedAtMs === undefined) return false
  const isShed = seq <= (facts.shedThrough ?? 0)
  return isShed || status.replicatedAtMs + facts.retentionMs <= facts.nowMs
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
export function hasReached(standby: string, position: string | undefined): boolean {
  if (position === undefined) return false
  const [standbyTimeline, standbyLsn] = split(standby)
  const [timeline, lsn] = split(position)
  return standbyTimeline === timeline && compareLsn(parseLsn(standbyLsn), parseLsn(lsn)) >= 0
}

function split(position: string): readonly [string, string] {
  const slash = position.indexOf('/')
  return [position.slice(0, slash), position.slice(slash + 1)]
}
