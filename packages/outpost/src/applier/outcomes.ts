import type { StatusChange, TransactionStatus } from '../journal/journal.ts'
import type { Epoch, Seq } from '../transaction/transaction.ts'
import type { SentTransaction } from './batch.ts'
import type { ApplyAnswer, OutcomeRun } from './main-session.ts'
import type { StuckOne } from './parking.ts'
import { seqRanges } from './seq-ranges.ts'

export interface OutcomeEffects {
  readonly changes: readonly StatusChange[]
  readonly applied: number
  readonly rejected: readonly Seq[]
  /** Missing references that wait for their next attempt (N9). */
  readonly waiting: readonly Seq[]
  /** Main refuses them for a reason that may pass (N11). */
  readonly stuck: readonly StuckOne[]
  /** Ids that the ledger holds with other operations. */
  readonly digestDifferent: readonly Seq[]
}

/** What the site knows of a transaction beside what main says of it. */
export interface OutcomeFacts {
  /** Epoch of its ledger row, where that does not stand under the transaction's own (N2). */
  ledgerEpoch(seq: Seq, run: OutcomeRun): Epoch | undefined
  /** How often main has tried it and answered, this time included. */
  attempts(seq: Seq): number
}

/** Pure: what the outcomes of one CALL change in the journal. Of skipped ones `blockedOf` says what becomes. */
export function outcomeEffects(
  outcomes: readonly OutcomeRun[],
  position: string,
  facts: OutcomeFacts,
): OutcomeEffects {
  const changes: StatusChange[] = []
  const rejected: Seq[] = []
  const waiting: Seq[] = []
  const stuck: StuckOne[] = []
  const digestDifferent: Seq[] = []
  let applied = 0
  for (const run of outcomes) {
    if (run.isDigestDifferent === true) digestDifferent.push(...run.seqs)
    if (run.outcome === 'parked') continue
    if (run.outcome === 'waiting') {
      waiting.push(...run.seqs)
      continue
    }
    if (run.outcome === 'stuck') {
      stuck.push(...run.seqs.map((seq) => ({ seq, reason: reasonOf(run) })))
      continue
    }
    if (run.outcome === 'applied') applied += run.seqs.length
    else rejected.push(...run.seqs)
    for (const { details, seqs } of byDetails(run, facts)) {
      const status = { ...statusOf(run, position), ...details }
      for (const { from, to } of seqRanges(seqs)) changes.push({ from, to, status })
    }
  }
  return { changes, applied, rejected, waiting, stuck, digestDifferent }
}

/**
 * Pure: what main skipped because it refused something before it, each with the seqs that hold it back. They are
 * parked at once, since the next batch may know less of why. What was skipped behind a waiting one stays in line.
 */
export function blockedOf(
  transactions: readonly Pick<SentTransaction, 'seq' | 'dependsOn'>[],
  outcomes: readonly OutcomeRun[],
): readonly { readonly seq: Seq; readonly by: readonly Seq[] }[] {
  const dead = new Set(outcomes.flatMap((run) => (isRefused(run) ? run.seqs : [])))
  const skipped = new Set(outcomes.flatMap((run) => (run.outcome === 'parked' ? run.seqs : [])))
  if (skipped.size === 0) return []
  const blocked: { seq: Seq; by: readonly Seq[] }[] = []
  for (const { seq, dependsOn } of transactions) {
    if (!skipped.has(seq)) continue
    const by = dependsOn.filter((each) => dead.has(each))
    if (by.length === 0) continue
    blocked.push({ seq, by })
    dead.add(seq)
  }
  return blocked
}

/**
 * Pure: something was skipped and some refused, and the one does not depend on the other: it may only have followed it
 * in the common lane (N10), where what main refuses holds nothing back (P5).
 */
export function hasFree(outcomes: readonly OutcomeRun[], blocked: readonly { readonly seq: Seq }[]): boolean {
  const skipped = outcomes.reduce((sum, run) => sum + (run.outcome === 'parked' ? run.seqs.length : 0), 0)
  return skipped > blocked.length && outcomes.some(isRefused)
}

function isRefused({ outcome }: OutcomeRun): boolean {
  return outcome === 'rejected' || outcome === 'stuck'
}

type Details = Pick<TransactionStatus, 'epoch' | 'attempts'>

/** Most transactions of a run share all of them, so that a batch is a few changes. */
function byDetails(
  run: OutcomeRun,
  facts: OutcomeFacts,
): Iterable<{ readonly details: Details; readonly seqs: readonly Seq[] }> {
  const groups = new Map<string, { readonly details: Details; readonly seqs: Seq[] }>()
  for (const seq of run.seqs) {
    const epoch = facts.ledgerEpoch(seq, run)
    const attempts = facts.attempts(seq)
    const name = `${attempts} ${epoch ?? ''}`
    const group = groups.get(name)
    if (group) group.seqs.push(seq)
    else groups.set(name, { details: { attempts, ...(epoch !== undefined && { epoch }) }, seqs: [seq] })
  }
  return groups.values()
}

/**
 * Pure: a CALL ended as what is formed behind it presumes: everything that was sent is applied. Otherwise something of
 * what comes next may be parked, wait, or go under another epoch.
 */
export function isAllApplied(sent: number, answer: ApplyAnswer): boolean {
  if (answer.kind !== 'done' || answer.stopped !== undefined) return false
  const applied = answer.outcomes.reduce(
    (sum, { outcome, seqs }) => sum + (outcome === 'applied' ? seqs.length : 0),
    0,
  )
  return applied === sent
}

function statusOf(run: OutcomeRun, position: string): TransactionStatus {
  const isApplied = run.outcome === 'applied'
  const atMs = run.appliedAt === undefined ? undefined : Date.parse(run.appliedAt)
  return {
    state: isApplied ? 'applied' : 'rejected',
    position,
    ...(atMs !== undefined && (isApplied ? { appliedAtMs: atMs } : { rejectedAtMs: atMs })),
    ...(run.lineage === undefined ? {} : { lineage: run.lineage }),
    ...(run.isOverruled === true ? { isOverruled: true } : {}),
    ...reasonOf(run),
  }
}

/** What main said of one that it did not apply. */
function reasonOf(run: OutcomeRun): StuckOne['reason'] {
  return {
    ...(run.sqlstate === undefined ? {} : { sqlstate: run.sqlstate }),
    ...(run.constraint === undefined ? {} : { constraint: run.constraint }),
    ...(run.detail === undefined ? {} : { detail: run.detail }),
    ...(run.message === undefined ? {} : { message: run.message }),
  }
}
