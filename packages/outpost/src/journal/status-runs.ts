import type { Seq } from '../transaction/transaction.ts'
import type { StatusChange, TransactionStatus } from './journal.ts'

/** Runs that do not overlap, ascending by `from`. A seq in no run is `buffered` without details. */
export type StatusRuns = readonly StatusChange[]

/**
 * The runs after a change. What was known before stays known (when a transaction is replicated, when it was applied
 * is still told), except that a return to `buffered` starts afresh.
 */
export function spliceRuns(runs: StatusRuns, change: StatusChange): StatusRuns {
  // The neighbours on both sides are taken along, because they may join with what changes.
  const start = firstFrom(runs, change.from - 1)
  let end = start
  while (end < runs.length && runs[end]!.from <= change.to + 1) end += 1
  return [...runs.slice(0, start), ...changed(runs.slice(start, end), change), ...runs.slice(end)]
}

/** Index of the first run that ends at or after this seq. */
function firstFrom(runs: StatusRuns, seq: Seq): number {
  let low = 0
  let high = runs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (runs[middle]!.to < seq) low = middle + 1
    else high = middle
  }
  return low
}

function changed(runs: StatusRuns, change: StatusChange): StatusRuns {
  const result: StatusChange[] = []
  let uncovered = change.from
  const cover = (through: Seq, before: TransactionStatus | undefined) => {
    if (through < uncovered) return
    push(result, { from: uncovered, to: through, status: merge(before, change.status) })
    uncovered = through + 1
  }
  for (const run of runs) {
    if (run.to < change.from) push(result, run)
    else if (run.from > change.to) {
      cover(change.to, undefined)
      push(result, run)
    } else {
      if (run.from < change.from) push(result, { ...run, to: change.from - 1 })
      cover(run.from - 1, undefined)
      cover(Math.min(run.to, change.to), run.status)
      if (run.to > change.to) push(result, { ...run, from: change.to + 1 })
    }
  }
  cover(change.to, undefined)
  return result
}

export function statusAt(runs: StatusRuns, seq: Seq): TransactionStatus | undefined {
  const run = runs[firstFrom(runs, seq)]
  return run !== undefined && run.from <= seq ? run.status : undefined
}

function merge(before: TransactionStatus | undefined, after: TransactionStatus): TransactionStatus {
  return before === undefined || after.state === 'buffered' ? after : { ...before, ...after }
}

function push(runs: StatusChange[], run: StatusChange): void {
  const last = runs.at(-1)
  if (last !== undefined && last.to + 1 === run.from && isSame(last.status, run.status)) {
    runs[runs.length - 1] = { ...last, to: run.to }
  } else runs.push(run)
}

function isSame(one: TransactionStatus, other: TransactionStatus): boolean {
  if (one === other) return true
  if (one.state !== other.state || one.appliedAtMs !== other.appliedAtMs || one.detail !== other.detail)
    return false
  return JSON.stringify(one) === JSON.stringify(other)
}
