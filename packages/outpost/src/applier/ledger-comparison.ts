import type { Journal, StatusChange } from '../journal/journal.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'
import { type EpochMoves, epochBounds } from './epoch-moves.ts'
import type { LedgerPlace, MainSession } from './main-session.ts'
import {
  clipRanges,
  joinRanges,
  missingRanges,
  rangesLength,
  type SeqRange,
  seqRanges,
  seqsOf,
} from './seq-ranges.ts'
import { type Decided, decidedIn } from './stand-ins.ts'

/** States whose transactions main once had a ledger row for. */
const settledStates: readonly TransactionState[] = ['applied', 'replicated', 'retained', 'rejected']
const pageSize = 10_000
const chunkSize = 1_000

export interface Comparison {
  /** What main lacks, to be applied again. */
  readonly missing: readonly SeqRange[]
  /** The newest transaction that main was found to have: the next CALL names it (N6). */
  readonly told: LedgerPlace | undefined
}

/**
 * N6: which transactions that the site believes settled does main's ledger lack? Asked by ranges, so that a retained
 * million is answered in a few rows; the transactions of a moved epoch are asked for by id (N2).
 */
export async function compareLedger(
  journal: Journal,
  session: MainSession,
  site: string,
  moves: EpochMoves,
): Promise<Comparison> {
  const settled = settledRanges(journal)
  const bounds = epochBounds(journal).filter(({ from, to }) => from <= to)
  const missing: SeqRange[] = []
  const plain = bounds.filter(({ epoch }) => !moves.isMoved(epoch))
  const wanted = plain.flatMap((bound) => clipRanges(settled, bound))
  if (wanted.length > 0) {
    const islands = await session.islands(
      site,
      plain.map(({ epoch }) => epoch),
      Math.min(...wanted.map((range) => range.from)),
      Math.max(...wanted.map((range) => range.to)),
    )
    for (const bound of plain) {
      const present = joinRanges(
        clipRanges(
          islands.filter(({ epoch }) => epoch === bound.epoch),
          bound,
        ),
      )
      missing.push(...missingRanges(clipRanges(settled, bound), present))
    }
  }
  for (const bound of bounds.filter(({ epoch }) => moves.isMoved(epoch))) {
    missing.push(...(await missingById(journal, session, site, clipRanges(settled, bound))))
  }
  return { missing: joinRanges(missing), told: newestPresent(settled, joinRanges(missing), plain, moves) }
}

/** In an epoch that took over others a seq may stand elsewhere in the ledger, so it names no place. */
function newestPresent(
  settled: readonly SeqRange[],
  missing: readonly SeqRange[],
  bounds: ReturnType<typeof epochBounds>,
  moves: EpochMoves,
): LedgerPlace | undefined {
  for (const { epoch, from, to } of bounds.toReversed()) {
    if (moves.isTarget(epoch)) continue
    const last = missingRanges(clipRanges(settled, { from, to }), missing).at(-1)
    if (last !== undefined) return { epoch, seq: last.to }
  }
  return undefined
}

/** Puts lost transactions back in line, in their order, and tells the overlay before any read could miss them (P8). */
export async function redrive(
  journal: Journal,
  missing: readonly SeqRange[],
  onRedrive: (records: readonly TransactionRecord[]) => void | Promise<void>,
  decided: Pick<Decided, 'isClaimed'> = decidedIn(journal),
): Promise<number> {
  const isSettled = (seq: Seq) => settledStates.includes(journal.status(seq).state)
  // Newest first: the overlay then holds at every moment all that is newer than its floor, and a read in between
  // never meets an old change of a row without the newer ones.
  for (const seqs of [...chunks(seqsOf(missing))].reverse()) {
    const read = await journal.getMany(seqs)
    // Main lacks what an operator decides on meanwhile for good: only the decision is sent (N3).
    const records = read.filter(({ seq }) => isSettled(seq) && !decided.isClaimed(seq))
    await onRedrive(records)
    await journal.setStatus(records.map(({ seq }) => bufferedAgain(seq, journal)))
  }
  return rangesLength(missing)
}

function bufferedAgain(seq: Seq, journal: Journal): StatusChange {
  const redriven = (journal.status(seq).redriven ?? 0) + 1
  return { from: seq, to: seq, status: { state: 'buffered', redriven } }
}

function settledRanges(journal: Journal): readonly SeqRange[] {
  return joinRanges(settledStates.flatMap((state) => [...stateRanges(journal, state)]))
}

function* stateRanges(journal: Journal, state: TransactionState): Iterable<SeqRange> {
  let after: Seq = 0
  for (;;) {
    const seqs = journal.seqsIn(state, { after, limit: pageSize })
    yield* seqRanges(seqs)
    if (seqs.length < pageSize) return
    after = seqs.at(-1)!
  }
}

async function missingById(
  journal: Journal,
  session: MainSession,
  site: string,
  wanted: readonly SeqRange[],
): Promise<readonly SeqRange[]> {
  const missing: Seq[] = []
  for (const seqs of chunks(seqsOf(wanted))) {
    const records = await journal.getMany(seqs)
    const present = await session.idsInLedger(
      site,
      records.map(({ id }) => id),
    )
    missing.push(...records.filter(({ id }) => !present.has(id)).map(({ seq }) => seq))
  }
  return seqRanges(missing)
}

function* chunks(seqs: Iterable<Seq>): Iterable<readonly Seq[]> {
  let chunk: Seq[] = []
  for (const seq of seqs) {
    chunk.push(seq)
    if (chunk.length === chunkSize) {
      yield chunk
      chunk = []
    }
  }
  if (chunk.length > 0) yield chunk
}
