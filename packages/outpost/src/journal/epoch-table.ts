import type { Epoch, Seq } from '../transaction/transaction.ts'
import type { EpochRange } from './journal.ts'

/** Fully dropped epochs that are still listed, so that a fenced life stays recognisable for a while. */
const keptEmptyEpochs = 100

/** The epoch that a seq belongs to. Of epochs that start at the same seq the last one holds it. */
export function epochOf(epochs: readonly EpochRange[], seq: Seq): Epoch {
  let index = epochs.length - 1
  while (index > 0 && epochs[index]!.from > seq) index -= 1
  return epochs[index]!.epoch
}

/** The list after a new epoch was opened; the oldest epochs without retained records are forgotten beyond 100. */
export function withEpoch(
  epochs: readonly EpochRange[],
  opened: EpochRange,
  firstSeq: Seq,
): readonly EpochRange[] {
  const holds = (index: number) => (epochs[index + 1] ?? opened).from > firstSeq
  const oldestNeeded = epochs.findIndex((_, index) => holds(index))
  const needed = oldestNeeded === -1 ? epochs.length : oldestNeeded
  return [...epochs.slice(Math.max(0, Math.min(needed, epochs.length - keptEmptyEpochs))), opened]
}
