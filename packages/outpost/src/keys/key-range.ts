/** Consecutive numbers of a sequence, `step` apart; below zero they fall. */
export interface KeyRange {
  readonly first: bigint
  readonly last: bigint
  readonly step: bigint
}

/** As JSON and main carry a range: numbers as text, since they may be larger than a double tells apart. */
export interface KeyRangeText {
  readonly first: string
  readonly last: string
  readonly step: string
}

export const rangeOf = ({ first, last, step }: KeyRangeText): KeyRange => ({
  first: BigInt(first),
  last: BigInt(last),
  step: BigInt(step),
})

export const rangeText = ({ first, last, step }: KeyRange): KeyRangeText => ({
  first: String(first),
  last: String(last),
  step: String(step),
})

/** Pure: how many numbers the ranges hold. */
export function countOf(ranges: readonly KeyRange[]): number {
  let count = 0n
  for (const { first, last, step } of ranges) count += (last - first) / step + 1n
  return Number(count)
}

/** Pure: the ranges without their first `count` numbers. */
export function withoutFirst(ranges: readonly KeyRange[], count: number): readonly KeyRange[] {
  const left: KeyRange[] = []
  let skip = BigInt(count)
  for (const range of ranges) {
    const size = (range.last - range.first) / range.step + 1n
    if (skip >= size) skip -= size
    else {
      left.push({ ...range, first: range.first + skip * range.step })
      skip = 0n
    }
  }
  return left
}

/** Pure: the ranges without the numbers up to `used`, in the order in which they are handed out. */
export function withoutThrough(ranges: readonly KeyRange[], used: bigint): readonly KeyRange[] {
  const at = ranges.findIndex(({ first, last, step }) =>
    step > 0n ? first <= used && used <= last : last <= used && used <= first,
  )
  if (at < 0) return ranges
  const { first, last, step } = ranges[at]!
  const next = first + ((used - first) / step + 1n) * step
  const rest = step > 0n ? next <= last : next >= last
  return [...(rest ? [{ first: next, last, step }] : []), ...ranges.slice(at + 1)]
}
