import type { TransactionState } from '../transaction/state.ts'
import type { Seq } from '../transaction/transaction.ts'

/**
 * Whose effect has been run: that of every transaction up to `through`, but for the open ones, which main had not
 * applied when a later one was reached. Ascending.
 */
export interface EffectProgress {
  readonly through: Seq
  readonly open: readonly Seq[]
}

/** One step forward: the transaction whose effect is due, if any, and how far one is when it has run. */
export interface EffectStep {
  readonly due: Seq | undefined
  readonly after: EffectProgress
}

/** Looked ahead for an applied transaction behind others that wait; as many may be open. */
export const lookAhead = 10_000

const applied: ReadonlySet<TransactionState> = new Set(['applied', 'replicated', 'retained'])
const waiting: ReadonlySet<TransactionState> = new Set(['buffered', 'parked', 'rejected'])

/**
 * Pure: the next step, or undefined while nothing can be done. Effects run in the order of the journal; a transaction
 * that main rejects or lets wait is passed, and has its turn when it is applied after all.
 */
export function nextStep(
  progress: EffectProgress,
  stateOf: (seq: Seq) => TransactionState,
  lastSeq: Seq,
): EffectStep | undefined {
  const { through, open } = progress
  for (const seq of open) {
    const state = stateOf(seq)
    if (waiting.has(state)) continue
    const after = { through, open: open.filter((other) => other !== seq) }
    return { due: applied.has(state) ? seq : undefined, after }
  }
  const passed: Seq[] = []
  const end = Math.min(lastSeq, through + lookAhead - open.length)
  for (let seq = through + 1; seq <= end; seq++) {
    const state = stateOf(seq)
    if (waiting.has(state)) {
      passed.push(seq)
      continue
    }
    const after = { through: seq, open: [...open, ...passed] }
    return { due: applied.has(state) ? seq : undefined, after }
  }
  return undefined
}

/** The oldest transaction that the journal has to keep for its effect. */
export function oldestNeeded({ through, open }: EffectProgress): Seq {
  return open[0] ?? through + 1
}

/** Where somebody begins who has no progress yet: with what main has not applied so far. */
export function firstProgress(waitingSeqs: readonly Seq[], lastSeq: Seq): EffectProgress {
  const open = [...waitingSeqs].sort((a, b) => a - b)
  if (open.length <= lookAhead) return { through: lastSeq, open }
  return { through: open[0]! - 1, open: [] }
}
