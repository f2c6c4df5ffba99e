import type { SiteOptions } from 'outpost/site'
import type { KillPlan } from './kill-points.ts'

/** What the recording program is told at its start, as JSON in its first argument. */
export interface RecorderOrder {
  readonly site: SiteOptions
  /** Each stream goes on at its next number, retrying what was in doubt under the same Idempotency-Key. */
  readonly streams: readonly { readonly name: string; readonly from: number }[]
  /** Transactions of each stream; then it waits for the drain. */
  readonly perStream: number
  readonly kill?: KillPlan
  /** A broken build, which the checker must catch: answers before the sync. */
  readonly answersEarly?: boolean
}

/** What it prints, one JSON object a line. */
export type RecorderLine =
  | { readonly kind: 'ready'; readonly epoch: string }
  | { readonly kind: 'begun'; readonly stream: string; readonly n: number }
  | {
      readonly kind: 'acknowledged'
      readonly stream: string
      readonly n: number
      readonly id: string
      readonly seq: number
      readonly isReplayed: boolean
      /** How long the answer took, milliseconds. */
      readonly tookMs: number
    }
  | { readonly kind: 'recorded' }
  | { readonly kind: 'drained' }
  /** Nothing waits to be sent any more, whatever became of it. */
  | { readonly kind: 'quiet' }
  | { readonly kind: 'alarm'; readonly code: string; readonly message: string }
