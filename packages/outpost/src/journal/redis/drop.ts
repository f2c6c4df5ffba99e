import type { Clock } from '../../clock/clock.ts'
import { OutpostError } from '../../errors/outpost-error.ts'
import type { TransactionState } from '../../transaction/state.ts'
import type { Seq, TransactionDraft } from '../../transaction/transaction.ts'
import { hitOf, keptAnswerMs } from '../idempotent-hit.ts'
import type { Mirror } from './mirror.ts'
import type { parseEntry, Reply } from './replies.ts'

/** Records that one call drops: bounds how long Redis is held. */
const sliceLength = 200

/** States that nothing leads out of again: their records may go. */
const droppable: ReadonlySet<TransactionState> = new Set(['retained', 'resolved', 'discarded', 'superseded'])

type Entries = (from: Seq, to: Seq) => Promise<readonly ReturnType<typeof parseEntry>[]>

/**
 * Drops everything through a seq, slice by slice; each is one script that keeps the idempotency answers, removes exactly
 * these records and moves the first seq. Error: `transition_refused` for what is still needed.
 */
export async function dropInSlices(
  mirror: Mirror,
  through: Seq,
  clock: Clock,
  entries: Entries,
  run: (args: readonly string[]) => Promise<readonly Reply[]>,
): Promise<void> {
  const last = Math.min(through, mirror.lastSeq)
  for (let seq = mirror.firstSeq; seq <= last; seq += 1) {
    const state = mirror.statuses.state(seq)
    if (!droppable.has(state)) throw needed(seq, state)
  }
  while (mirror.firstSeq <= last) {
    const to = Math.min(last, mirror.firstSeq + sliceLength - 1)
    const answers = keptAnswers(await entries(mirror.firstSeq, to), clock.nowMs())
    const chunks = mirror.chunksBefore(to + 1).map(String)
    const [bytes] = await run([
      String(to),
      String(keptAnswerMs),
      String(chunks.length),
      ...chunks,
      ...answers,
    ])
    mirror.dropThrough(to)
    mirror.bytes = Number(bytes)
  }
}

/** Digest and text of each answer: when it was dropped, and what a retry is told. Pure. */
function keptAnswers(entries: Awaited<ReturnType<Entries>>, nowMs: number): readonly string[] {
  return entries.flatMap(({ digest, body }) =>
    digest === '' ? [] : [digest, `${nowMs} ${JSON.stringify(hitOf(JSON.parse(body) as TransactionDraft))}`],
  )
}

function needed(seq: Seq, state: TransactionState): OutpostError {
  return new OutpostError('transition_refused', `Transaction ${seq} is ${state} and cannot be dropped`, {
    details: { seq, from: state, to: 'gone' },
  })
}
