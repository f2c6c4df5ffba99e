import type { Journal } from '../journal/journal.ts'
import type { Appended } from './appender.ts'
import type { Receipt } from './site-api.ts'
import { epochOf, type SiteTokens } from './site-tokens.ts'
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
  const wait = (milestone: Milestone, options: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
    waiters.wait(appended.seq, milestone, {
      timeoutMs: options.timeoutMs ?? context.timeoutMs,
      ...(options.signal && { signal: options.signal }),
    })
  return {
    transactionId: appended.transactionId,
    seq: appended.seq,
    epoch: epochOf(journal, appended.seq),
    get state() {
      return journal.status(appended.seq).state
    },
    token: tokens.forSeq(appended.seq),
    isReplayed: appended.isReplayed,
    ...(appended.answer && { answer: appended.answer }),
    applied: (options) => wait('applied', options),
    replicated: (options) => wait('replicated', options),
  }
}
