import { OutpostError } from '../errors/outpost-error.ts'
import type { TransactionStatus } from '../journal/journal.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { Seq } from '../transaction/transaction.ts'

export type Milestone = 'applied' | 'replicated'

interface Waiter {
  readonly milestone: Milestone
  settle(status: TransactionStatus): void
}

const reachedApplied: readonly TransactionState[] = ['applied', 'replicated', 'retained', 'gone']
const reachedReplicated: readonly TransactionState[] = ['replicated', 'retained', 'gone']
const ended: readonly TransactionState[] = ['rejected', 'resolved', 'discarded', 'superseded']

/** Whether a state answers a wait: reached, failed for good, or not yet. Pure. */
function judge(state: TransactionState, milestone: Milestone): 'reached' | 'failed' | 'waiting' {
  if ((milestone === 'applied' ? reachedApplied : reachedReplicated).includes(state)) return 'reached'
  return ended.includes(state) ? 'failed' : 'waiting'
}

/** Those who wait for a transaction to reach main or the replica. Bounded by the callers' deadlines. */
export class StateWaiters {
  readonly #waiters = new Map<Seq, Set<Waiter>>()
  readonly #statusOf: (seq: Seq) => TransactionStatus

  constructor(statusOf: (seq: Seq) => TransactionStatus) {
    this.#statusOf = statusOf
  }

  /** To be called after the statuses of these seqs changed. */
  changed(from: Seq, to: Seq): void {
    if (this.#waiters.size === 0) return
    const waiting = to - from < this.#waiters.size ? range(from, to) : [...this.#waiters.keys()]
    for (const seq of waiting) {
      if (seq < from || seq > to) continue
      const status = this.#statusOf(seq)
      for (const waiter of this.#waiters.get(seq) ?? []) {
        if (judge(status.state, waiter.milestone) !== 'waiting') waiter.settle(status)
      }
    }
  }

  /** Errors: `wait_timeout`; `transaction_rejected` with SQLSTATE and constraint in `details`. */
  wait(
    seq: Seq,
    milestone: Milestone,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<TransactionStatus> {
    return new Promise((resolve, reject) => {
      const finish = (outcome: () => void) => {
        clearTimeout(timer)
        options.signal?.removeEventListener('abort', abort)
        const waiters = this.#waiters.get(seq)
        waiters?.delete(waiter)
        if (waiters?.size === 0) this.#waiters.delete(seq)
        outcome()
      }
      const settle = (status: TransactionStatus) =>
        finish(() =>
          judge(status.state, milestone) === 'reached' ? resolve(status) : reject(refused(seq, status)),
        )
      const giveUp = () =>
        finish(() => reject(timedOut(seq, milestone, options.timeoutMs, this.#statusOf(seq).state)))
      const abort = () => giveUp()
      const waiter: Waiter = { milestone, settle }
      const timer = setTimeout(giveUp, options.timeoutMs)
      options.signal?.addEventListener('abort', abort, { once: true })
      const waiters = this.#waiters.get(seq) ?? new Set()
      this.#waiters.set(seq, waiters.add(waiter))
      const status = this.#statusOf(seq)
      if (judge(status.state, milestone) !== 'waiting') settle(status)
      else if (options.signal?.aborted) giveUp()
    })
  }
}

function* range(from: Seq, to: Seq): Generator<Seq> {
  for (let seq = from; seq <= to; seq += 1) yield seq
}

function refused(seq: Seq, status: TransactionStatus): OutpostError {
  const { state, sqlstate, constraint, detail, message } = status
  return new OutpostError(
    'transaction_rejected',
    `Main rejected transaction ${seq}: ${message ?? sqlstate ?? state}`,
    {
      details: { seq, state, sqlstate, constraint, detail },
    },
  )
}

function timedOut(seq: Seq, milestone: Milestone, timeoutMs: number, state: TransactionState): OutpostError {
  return new OutpostError(
    'wait_timeout',
    `Transaction ${seq} was not ${milestone} within ${timeoutMs} ms; it is ${state}.`,
    { details: { seq, state } },
  )
}
