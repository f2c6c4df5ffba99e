import type { Seq } from '../../transaction/transaction.ts'
import type { EpochRange } from '../journal.ts'

/** Where appends go: Redis, the local store, or nowhere for the moment in which they go back to Redis. */
export type Mode = 'redis' | 'fallback' | 'returning'

/** Who drains while Redis is away, until when on the machine's clock. */
export interface Lease {
  readonly holder: string
  readonly untilMs: number
  readonly ttlMs: number
}

/**
 * What the local store knows of the journal as a whole, in one value, so that one LMDB transaction decides everything.
 *
 * Modes: redis → fallback → returning → redis, and returning → fallback when who returns has failed. Invariant: in mode
 * redis the store holds at least everything that any process has acknowledged or shown; in the others it is the journal.
 */
export interface LocalState {
  readonly format: 1
  /** Random identity of this store: Redis remembers it, so that no other store or process mingles with this one. */
  readonly keeper: string
  /** Identity that Redis must show; another one for each return, which fences all that was sent before. Empty before the first contact. */
  readonly journal: string
  readonly mode: Mode
  /** Since when it is in that mode, wall clock. */
  readonly sinceMs: number
  /** Why the site left Redis; empty in mode redis. */
  readonly reason: string
  /** Newest seq when the site left Redis: what Redis has beyond was acknowledged to nobody. */
  readonly base: Seq
  readonly first: Seq
  readonly last: Seq
  readonly bytes: number
  /** Of epochs and facts. */
  readonly version: number
  /** Newest change of status; the newest that is folded into its chunk; the oldest that is kept. */
  readonly change: number
  readonly folded: number
  readonly kept: number
  readonly term: number
  readonly epochs: readonly EpochRange[]
  readonly lease?: Lease
  /** Who carries the journal back to Redis, and under which identity. */
  readonly returner?: Lease & { readonly identity: string }
}

export function emptyState(keeper: string, nowMs: number): LocalState {
  return {
    format: 1,
    keeper,
    journal: '',
    mode: 'redis',
    sinceMs: nowMs,
    reason: '',
    base: 0,
    first: 1,
    last: 0,
    bytes: 0,
    version: 0,
    change: 0,
    folded: 0,
    kept: 1,
    term: 0,
    epochs: [],
  }
}

/** Versions of Redis that may have been read, and of which the copy does not know; skipped at the switch. */
const skippedVersions = 1_000

/** Pure: the site leaves Redis. Numbers go on in a new epoch (N2). */
export function leftRedis(state: LocalState, reason: string, epoch: string, nowMs: number): LocalState {
  return {
    ...withNewEpoch(state, epoch),
    mode: 'fallback',
    sinceMs: nowMs,
    reason,
    base: state.last,
    version: state.version + skippedVersions,
  }
}

/** Pure: a new epoch from the next number on; the oldest without retained records are forgotten beyond 100. */
export function withNewEpoch(state: LocalState, epoch: string): LocalState {
  const epochs = [...state.epochs, { epoch, from: state.last + 1 }]
  while (epochs.length > 100 && epochs[1]!.from <= state.first) epochs.shift()
  return { ...state, epochs, version: state.version + 1 }
}

/** Pure: the lead for a holder, or undefined while another's holds. A lease from before the machine's start is over. */
export function heldLease(
  lease: Lease | undefined,
  holder: string,
  ttlMs: number,
  machineMs: number,
): Lease | undefined {
  if (lease !== undefined && lease.holder !== holder && isRunning(lease, machineMs)) return undefined
  return { holder, untilMs: machineMs + ttlMs, ttlMs }
}

export function isRunning({ untilMs, ttlMs }: Lease, machineMs: number): boolean {
  return machineMs < untilMs && untilMs - machineMs <= ttlMs
}
