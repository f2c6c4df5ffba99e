import { OutpostError } from '../../errors/outpost-error.ts'
import type { TransactionState } from '../../transaction/state.ts'
import type { Seq } from '../../transaction/transaction.ts'
import { putFirstSeq } from './journal-meta.ts'
import type { KeptAnswers } from './kept-answers.ts'
import type { ReaderParts } from './lmdb-reader.ts'

/** Records that one slice drops: bounds how long the event loop is held. */
const sliceRecords = 2_000

/** States that nothing leads out of again: their records may go. */
const droppable: ReadonlySet<TransactionState> = new Set(['retained', 'resolved', 'discarded', 'superseded'])

type Write = (write: () => readonly Promise<boolean>[]) => Promise<void>

/**
 * Drops everything through a seq, slice by slice; each slice is one transaction that keeps the idempotency answers,
 * removes whole blocks and moves the first seq. A crash in between leaves a shorter drop, never half a slice.
 */
export async function dropInSlices(
  parts: ReaderParts,
  answers: KeptAnswers,
  through: Seq,
  write: Write,
): Promise<void> {
  const { records } = parts
  const last = Math.min(through, records.lastSeq)
  refuseNeeded(parts, last)
  while (records.firstSeq <= last) {
    await dropSlice(parts, answers, Math.min(last, records.firstSeq + sliceRecords - 1), write)
  }
}

async function dropSlice(
  parts: ReaderParts,
  answers: KeptAnswers,
  through: Seq,
  write: Write,
): Promise<void> {
  const { environment, records, statuses, clock } = parts
  const plan = records.planDrop(through)
  const idempotent = records.idempotentThrough(through)
  const chunks = statuses.chunksBefore(through + 1)
  const nowMs = clock.nowMs()
  await write(() => [
    ...plan.blocks.map((first) => environment.blocks.remove(first)),
    ...chunks.map((chunk) => environment.statuses.remove(chunk)),
    ...answers.removeExpired(nowMs),
    ...answers.keep(idempotent, nowMs),
    putFirstSeq(environment, through + 1),
  ])
  plan.forget()
  statuses.dropBefore(through + 1)
}

function refuseNeeded({ records, statuses }: ReaderParts, last: Seq): void {
  for (let seq = records.firstSeq; seq <= last; seq += 1) {
    const state = statuses.state(seq)
    if (droppable.has(state)) continue
    throw new OutpostError('transition_refused', `Transaction ${seq} is ${state} and cannot be dropped`, {
      details: { seq, from: state, to: 'gone' },
    })
  }
}
