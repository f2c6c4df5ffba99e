import type { TransactionView } from '../site/site-api.ts'
import type { TransactionRecord } from '../transaction/transaction.ts'

/** Stable names of what main refuses by Outpost's own rules. */
const rejectionCodes: Readonly<Record<string, string>> = {
  OP003: 'row_missing',
  OP004: 'decided_before',
  OP006: 'conflict',
  OP007: 'append_only',
  OP008: 'policy_failed',
}

/** Ids that a decision about a large cone shows. */
const shownIds = 100

const isoOf = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString()

/**
 * A transaction as the API shows it: every step with its time (P12). `operations` are shown only one by one,
 * because a bulk transaction can hold thousands.
 */
export function transactionDocument({ record, status, decidedBy }: TransactionView): Record<string, unknown> {
  return {
    id: record.id,
    state: status.state,
    epoch: record.epoch,
    seq: record.seq,
    buffered_at: isoOf(record.bufferedAtMs),
    applied_at: isoOf(status.appliedAtMs),
    rejected_at: isoOf(status.rejectedAtMs),
    replicated_at: isoOf(status.replicatedAtMs),
    position: status.position ?? null,
    lineage: status.lineage ?? null,
    attempts: status.attempts ?? 0,
    redriven: status.redriven ?? 0,
    overruled: status.isOverruled ?? false,
    operation_count: record.operations.length,
    flags: record.flags,
    depends_on: record.dependsOn,
    parked_by: status.parkedBy ?? null,
    replaces: record.replaces ?? null,
    actor: record.actor ?? null,
    rejection: rejectionOf(status),
    decision: decisionOf(record),
    decided_by: decidedByOf(decidedBy),
  }
}

/** What this transaction decides on (N3). */
function decisionOf({ decision }: TransactionRecord): Record<string, unknown> | null {
  if (decision === undefined) return null
  const { kind, on, reason } = decision
  return {
    kind,
    on: on.slice(0, shownIds).map(({ id }) => id),
    count: on.length,
    reason: reason ?? null,
  }
}

/** Who has decided on this transaction, when and why. */
function decidedByOf(decision: TransactionRecord | undefined): Record<string, unknown> | null {
  if (decision?.decision === undefined) return null
  return {
    transaction_id: decision.id,
    kind: decision.decision.kind,
    reason: decision.decision.reason ?? null,
    actor: decision.actor ?? null,
    at: isoOf(decision.bufferedAtMs),
  }
}

function rejectionOf(status: TransactionView['status']): Record<string, unknown> | null {
  if (status.sqlstate === undefined && status.message === undefined) return null
  return {
    code: rejectionCodes[status.sqlstate ?? ''] ?? null,
    sqlstate: status.sqlstate ?? null,
    constraint: status.constraint ?? null,
    message: status.message ?? null,
    detail: status.detail ?? null,
  }
}
