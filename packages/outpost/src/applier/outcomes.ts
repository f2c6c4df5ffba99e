import type { StatusChange, TransactionStatus } from '../journal/journal.ts'
import type { PlannedTransaction } from '../ledger/batch-plan.ts'
import type { Epoch, Seq } from '../transaction/transaction.ts'
import type { OutcomeRun } from './main-session.ts'
import { seqRanges } from './seq-ranges.ts'

export interface OutcomeEffects {
  readonly changes: readonly StatusChange[]
  readonly applied: number
  readonly rejected: readonly Seq[]
  /** Missing references that wait for their next attempt (N9). */
  readonly waiting: readonly { readonly seq: Seq; readonly run: OutcomeRun }[]
  /** Ids that the ledger holds with other operations. */
  readonly digestDifferent: readonly Seq[]
}

/**
 * Pure: what the outcomes of one CALL change in the journal. Of skipped ones `blockedOf` says what becomes.
 * `ledgerEpoch` names the epoch of a ledger row that does not stand under the transaction's own (N2).
 */
export function outcomeEffects(
  outcomes: readonly OutcomeRun[],
  position: string,
  ledgerEpoch: (seq: Seq, run: OutcomeRun) => Epoch | undefined,
): OutcomeEffects {
  const changes: StatusChange[] = []
  const rejected: Seq[] = []
  const waiting: { seq: Seq; run: OutcomeRun }[] = []
  const digestDifferent: Seq[] = []
  let applied = 0
  for (const run of outcomes) {
    if (run.isDigestDifferent === true) digestDifferent.push(...run.seqs)
    if (run.outcome === 'parked') continue
    if (run.outcome === 'waiting') {
      waiting.push(...run.seqs.map((seq) => ({ seq, run })))
      continue
    }
    if (run.outcome === 'applied') applied += run.seqs.length
    else rejected.push(...run.seqs)
    for (const [epoch, seqs] of byEpoch(run, ledgerEpoch)) {
      const status = { ...statusOf(run, position), ...(epoch !== undefined && { epoch }) }
      for (const { from, to } of seqRanges(seqs)) changes.push({ from, to, status })
    }
  }
  return { changes, applied, rejected, waiting, digestDifferent }
}

/**
 * Pure: what main skipped because it rejected something before it, each with the seqs that hold it back. They are
 * parked at once, since the next batch may know less of why. What was skipped behind a waiting one stays in line.
 */
export function blockedOf(
  transactions: readonly Pick<PlannedTransaction, 'seq' | 'dependsOn'>[],
  outcomes: readonly OutcomeRun[],
): readonly { readonly seq: Seq; readonly by: readonly Seq[] }[] {
  const dead = new Set(outcomes.flatMap((run) => (run.outcome === 'rejected' ? run.seqs : [])))
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

function byEpoch(
  run: OutcomeRun,
  ledgerEpoch: (seq: Seq, run: OutcomeRun) => Epoch | undefined,
): ReadonlyMap<Epoch | undefined, readonly Seq[]> {
  const groups = new Map<Epoch | undefined, Seq[]>()
  for (const seq of run.seqs) {
    const epoch = ledgerEpoch(seq, run)
    const group = groups.get(epoch)
    if (group) group.push(seq)
    else groups.set(epoch, [seq])
  }
  return groups
}

function statusOf(run: OutcomeRun, position: string): TransactionStatus {
  const isApplied = run.outcome === 'applied'
  const atMs = run.appliedAt === undefined ? undefined : Date.parse(run.appliedAt)
  return {
    state: isApplied ? 'applied' : 'rejected',
    position,
    ...(atMs !== undefined && (isApplied ? { appliedAtMs: atMs } : { rejectedAtMs: atMs })),
    ...(run.lineage === undefined ? {} : { lineage: run.lineage }),
    ...(run.sqlstate === undefined ? {} : { sqlstate: run.sqlstate }),
    ...(run.constraint === undefined ? {} : { constraint: run.constraint }),
    ...(run.detail === undefined ? {} : { detail: run.detail }),
    ...(run.message === undefined ? {} : { message: run.message }),
  }
}
