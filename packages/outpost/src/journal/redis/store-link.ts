import type { OutpostError } from '../../errors/outpost-error.ts'
import type { JournalFallback } from '../journal.ts'
import type { Script } from './lua.ts'
import type { Reply } from './replies.ts'

/** Why no store answers, and for how long. */
export interface Outage {
  readonly reason: OutpostError
  readonly forMs: number
}

/** The way to where the journal is. */
export interface StoreLink {
  readonly isUp: boolean
  /** Whether the server itself is connected. */
  readonly isServerUp: boolean
  readonly fallback?: JournalFallback
  /** Undefined while it is up. */
  readonly outage: Outage | undefined
  /** The first contact. Errors: those of the greeting; `journal_unavailable`, `config_invalid`. */
  start(): Promise<void>
  /** False when there is no contact in time; at once where there is one. */
  isUpWithin(ms: number): Promise<boolean>
  /** Errors: `journal_unavailable`; as the store says it when it refuses. */
  run(script: Script, args: readonly string[]): Promise<readonly Reply[]>
  /** Records, as XRANGE gives them. */
  entries(from: number, to: number): Promise<readonly Reply[]>
  /** Idempotent. */
  stop(): Promise<void>
}
