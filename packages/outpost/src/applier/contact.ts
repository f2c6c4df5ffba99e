import type { Epoch, Seq } from '../transaction/transaction.ts'
import type { MainSession } from './main-session.ts'

/** What was agreed at hello, and what the connection has told since. */
export interface Contact {
  readonly session: MainSession
  readonly term: number
  /** Under which main was greeted; another one needs another hello. */
  readonly epoch: Epoch
  readonly lineage: string
  /** The newest transaction when journal and ledger were compared. */
  readonly comparedThrough: Seq
  /** Main knows that this site has brought everything that it retains. */
  isRedriven: boolean
  /** Main's flushed position as last heard, `timeline/LSN`. */
  position: string
  /** When main last answered a hello, a CALL or a beat, on the monotonic clock. */
  heardMs: number
}
