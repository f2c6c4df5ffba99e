/** One line of a benchmark's result: a measure beside its baseline of the same run. */
export interface Row {
  readonly measure: string
  readonly baseline: string
  readonly value: number
  readonly baseline_value: number
  readonly ratio: number
  readonly goal: string
  readonly holds: boolean
}

/** What a ratio has to reach; `shown` where the number only informs. */
export type Goal =
  | { readonly kind: 'at least'; readonly ratio: number }
  | { readonly kind: 'at most'; readonly ratio: number }
  | { readonly kind: 'at most value'; readonly value: number; readonly unit: string }
  | { readonly kind: 'shown' }

export const shown: Goal = { kind: 'shown' }
export const atLeast = (ratio: number): Goal => ({ kind: 'at least', ratio })
export const atMost = (ratio: number): Goal => ({ kind: 'at most', ratio })
export const atMostValue = (value: number, unit: string): Goal => ({ kind: 'at most value', value, unit })

export interface Measurement {
  readonly measure: string
  readonly baseline: string
  readonly value: number
  readonly baselineValue: number
  readonly goal: Goal
}

/** A row with its ratio and verdict; the verdict is made before anything is rounded. */
export function rowOf({ measure, baseline, value, baselineValue, goal }: Measurement): Row {
  const ratio = value / baselineValue
  return {
    measure,
    baseline,
    value: rounded(value),
    baseline_value: rounded(baselineValue),
    ratio: rounded(ratio),
    goal: goalText(goal),
    holds: holds(goal, value, ratio),
  }
}

function holds(goal: Goal, value: number, ratio: number): boolean {
  switch (goal.kind) {
    case 'at least':
      return ratio >= goal.ratio
    case 'at most':
      return ratio <= goal.ratio
    case 'at most value':
      return value <= goal.value
    case 'shown':
      return true
  }
}

function goalText(goal: Goal): string {
  switch (goal.kind) {
    case 'at least':
      return `>= ${goal.ratio} x`
    case 'at most':
      return `<= ${goal.ratio} x`
    case 'at most value':
      return `<= ${goal.value} ${goal.unit}`
    case 'shown':
      return 'shown only'
  }
}

/** Three significant digits below a hundred, whole numbers above. */
function rounded(value: number): number {
  if (!Number.isFinite(value)) return 0
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3))
}
