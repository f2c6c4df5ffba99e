import type { RecordedConflict } from '../site/recorded-conflicts.ts'

/** A conflict as the API shows it, the same at every site that had a part in it. */
export function conflictDocument(conflict: RecordedConflict): Record<string, unknown> {
  const { id, at, table, key, policy, site, columns, base, mine, theirs, result, winner, lost } = conflict
  return {
    id,
    at,
    table,
    key,
    policy,
    site,
    transaction_id: conflict.transactionId,
    other_sites: conflict.otherSites,
    other_transactions: conflict.otherTransactions,
    columns,
    base,
    mine,
    theirs,
    result,
    winner,
    lost,
    rejected: conflict.isRejected,
  }
}
