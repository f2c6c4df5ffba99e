import type { Seq } from '../transaction/transaction.ts'

/** Consecutive seqs, both ends inclusive. */
export interface SeqRange {
  readonly from: Seq
  readonly to: Seq
}

/** Pure: ascending seqs as ranges. */
export function seqRanges(seqs: Iterable<Seq>): readonly SeqRange[] {
  const ranges: { from: Seq; to: Seq }[] = []
  for (const seq of seqs) {
    const last = ranges.at(-1)
    if (last !== undefined && seq === last.to + 1) last.to = seq
    else ranges.push({ from: seq, to: seq })
  }
  return ranges
}

/** Pure: sorted, and what touches or overlaps joined. */
export function joinRanges(ranges: readonly SeqRange[]): readonly SeqRange[] {
  const joined: { from: Seq; to: Seq }[] = []
  for (const range of [...ranges].sort((a, b) => a.from - b.from)) {
    const last = joined.at(-1)
    if (last !== undefined && range.from <= last.to + 1) last.to = Math.max(last.to, range.to)
    else joined.push({ from: range.from, to: range.to })
  }
  return joined
}

/** Pure: what of `wanted` is not in `present`; both ascending and without overlaps. */
export function missingRanges(
  wanted: readonly SeqRange[],
  present: readonly SeqRange[],
): readonly SeqRange[] {
  const missing: SeqRange[] = []
  let index = 0
  for (const range of wanted) {
    let from = range.from
    while (index < present.length && present[index]!.to < from) index++
    for (let i = index; i < present.length && present[i]!.from <= range.to; i++) {
      if (present[i]!.from > from) missing.push({ from, to: present[i]!.from - 1 })
      from = Math.max(from, present[i]!.to + 1)
    }
    if (from <= range.to) missing.push({ from, to: range.to })
  }
  return missing
}

/** Pure: what of the ranges lies within the bounds. */
export function clipRanges(ranges: readonly SeqRange[], bounds: SeqRange): readonly SeqRange[] {
  return ranges
    .filter((range) => range.to >= bounds.from && range.from <= bounds.to)
    .map((range) => ({ from: Math.max(range.from, bounds.from), to: Math.min(range.to, bounds.to) }))
}

export function* seqsOf(ranges: readonly SeqRange[]): Iterable<Seq> {
  for (const range of ranges) for (let seq = range.from; seq <= range.to; seq++) yield seq
}

export function rangesLength(ranges: readonly SeqRange[]): number {
  return ranges.reduce((sum, range) => sum + range.to - range.from + 1, 0)
}
