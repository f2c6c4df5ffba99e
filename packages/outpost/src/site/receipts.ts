import type { Journal } from '../journal/journal.ts'
import { epochOf } from '../journal/ledger-epoch.ts'
import type { Appended } from './appender.ts'
import type { Receipt } from './site-api.ts'
import type { SiteTokens } from './site-tokens.ts'
import type { Milestone, StateWaiters } from './state-waiters.ts'

export interface ReceiptContext {
  readonly journal: Journal
  readonly waiters: StateWaiters
  readonly tokens: SiteTokens
  /** How long a wait lasts when the caller does not say, milliseconds. */
  readonly timeoutMs: number
}

/** What the caller of `append` gets: facts of the moment, and waits for what is still to come. */
export function receiptOf(appended: Appended, context: ReceiptContext): Receipt {
  const { journal, waiters, tokens } = context
  if (appended.seq === undefined) return goneReceipt(appended, context)
  const { seq } = appended
  const wait = (milestone: Milestone, options: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
    waiters.wait(seq, milestone, {
      timeoutMs: options.timeoutMs ?? context.timeoutMs,
      ...(options.signal && { signal: options.signal }),
    })
  return {
    transactionId: appended.transactionId,
    seq,
    epoch: epochOf(journal, seq),
    get state() {
      return journal.status(seq).state
    },
    token: tokens.forSeq(seq),
    isReplayed: appended.isReplayed,
    ...(appended.answer && { answer: appended.answer }),
    applied: (options) => wait('applied', options),
    replicated: (options) => wait('replicated', options),
  }
}

/** The record has been dropped, everybody who matters has it; its answer is kept for retries (N22). */
function goneReceipt(appended: Appended, { journal, tokens }: ReceiptContext): Receipt {
  const status = { state: 'gone' } as const
  return {
    transactionId: appended.transactionId,
    seq: 0,
    epoch: journal.epoch,
    state: 'gone',
    token: tokens.empty(),
    isReplayed: true,
    ...(appended.answer && { answer: appended.answer }),
    applied: () => Promise.resolve(status),
    replicated: () => Promise.resolve(status),
  }
}
