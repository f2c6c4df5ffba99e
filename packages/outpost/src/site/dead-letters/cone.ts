import type { TransactionState } from '../../transaction/state.ts'
import type { Seq } from '../../transaction/transaction.ts'

export interface ConeFacts {
  /** Those that name this transaction as one that they wait for. */
  waitersOf(seq: Seq): Iterable<Seq>
  /** What this one decides on, when it is a decision: whatever waited for that waits for it. */
  decidesOn(seq: Seq): readonly Seq[]
  stateOf(seq: Seq): TransactionState
}

/**
 * Pure: everything that waits for a transaction, directly or through others, ascending. What was rejected or decided on
 * itself waits for nobody, and what waits for that waits for another.
 */
export function coneOf(seq: Seq, facts: ConeFacts): readonly Seq[] {
  const found = new Set<Seq>()
  const open = [seq]
  for (let current = open.pop(); current !== undefined; current = open.pop()) {
    for (const blocker of standsFor(current, facts)) {
      for (const waiter of facts.waitersOf(blocker)) {
        if (waiter === seq || found.has(waiter) || !isWaiting(facts.stateOf(waiter))) continue
        found.add(waiter)
        open.push(waiter)
      }
    }
  }
  return [...found].sort((a, b) => a - b)
}

/** The transaction and, through replays of replays, all that it stands for. */
function standsFor(seq: Seq, facts: ConeFacts): readonly Seq[] {
  const all = [seq]
  for (const each of all) all.push(...facts.decidesOn(each))
  return all
}

function isWaiting(state: TransactionState): boolean {
  return state === 'buffered' || state === 'parked'
}
