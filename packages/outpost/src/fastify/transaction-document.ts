import type { TransactionView } from '../site/site-api.ts'

const isoOf = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString()

/**
 * A transaction as the API shows it: every step with its time (P12). `operations` are shown only one by one,
 * because a bulk transaction can hold thousands.
 */
export function transactionDocument({ record, status }: TransactionView): Record<string, unknown> {
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
    operation_count: record.operations.length,
    flags: record.flags,
    depends_on: record.dependsOn,
    parked_by: status.parkedBy ?? null,
    replaces: record.replaces ?? null,
    actor: record.actor ?? null,
    rejection: rejectionOf(status),
  }
}

function rejectionOf(status: TransactionView['status']): Record<string, unknown> | null {
  if (status.sqlstate === undefined && status.message === undefined) return null
  return {
    sqlstate: status.sqlstate ?? null,
    constraint: status.constraint ?? null,
    message: status.message ?? null,
    detail: status.detail ?? null,
  }
}
