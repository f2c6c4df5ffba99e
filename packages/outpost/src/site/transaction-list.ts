import { standInOf } from '../applier/stand-ins.ts'
import type { JournalReader, TransactionStatus } from '../journal/journal.ts'
import { endState } from '../transaction/decided-state.ts'
import { isPending, type TransactionState } from '../transaction/state.ts'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'
import type { Decisions } from './dead-letters/decisions.ts'
import type { TransactionView } from './site-api.ts'

type ListedJournal = Pick<JournalReader, 'firstSeq' | 'lastSeq' | 'getMany' | 'seqsIn' | 'status'>

const defaultLimit = 100

/** Transactions by state and number, oldest first; at most `limit` (100) after `after`. */
export async function listTransactions(
  journal: ListedJournal,
  options: { readonly state?: TransactionState; readonly after?: Seq; readonly limit?: number },
  decisions?: Pick<Decisions, 'decisionOn'>,
): Promise<readonly TransactionView[]> {
  const { state, after = 0, limit = defaultLimit } = options
  const seqs = state === undefined ? range(journal, after, limit) : journal.seqsIn(state, { after, limit })
  return await viewTransactions(journal, await journal.getMany(seqs), decisions)
}

/** Transactions with what is known of them beside their records. */
export async function viewTransactions(
  journal: ListedJournal,
  records: readonly TransactionRecord[],
  decisions?: Pick<Decisions, 'decisionOn'>,
): Promise<readonly TransactionView[]> {
  const views = records.map((record) => {
    const status = shownStatus(journal, record.seq)
    const decidedBy = decisions?.decisionOn(record.seq)
    return { record, status: decidedBy === undefined ? status : { ...status, decidedBy } }
  })
  const deciding = new Set(views.flatMap(({ status }) => status.decidedBy ?? []))
  const bySeq = new Map((await journal.getMany([...deciding])).map((record) => [record.seq, record]))
  return views.map((view) => {
    const decidedBy = bySeq.get(view.status.decidedBy ?? 0)
    if (decidedBy?.decision === undefined) return view
    // Known in this process before the state is written: by another one, where several share the journal.
    const isOpen = isPending(view.status.state) && view.status.state !== 'applied'
    const state = isOpen ? endState(decidedBy.decision.kind) : view.status.state
    return { ...view, status: { ...view.status, state }, decidedBy }
  })
}

function shownStatus(journal: ListedJournal, seq: Seq): TransactionStatus {
  const status = journal.status(seq)
  const { parkedBy } = status
  if (parkedBy === undefined || parkedBy === 'stuck') return status
  return { ...status, parkedBy: [...new Set(parkedBy.map((blocker) => standInOf(journal, blocker)))] }
}

function range(journal: ListedJournal, after: Seq, limit: number): readonly Seq[] {
  const from = Math.max(journal.firstSeq, after + 1)
  const length = Math.max(0, Math.min(limit, journal.lastSeq - from + 1))
  return Array.from({ length }, (_, index) => from + index)
}
