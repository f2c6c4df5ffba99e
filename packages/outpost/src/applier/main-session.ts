import type { EncodedPlan } from '../ledger/encoded-plan.ts'
import type { Shape } from '../ledger/group-plan.ts'
import type { SchemaHistory } from '../schema/schema-history.ts'
import type { Epoch, Seq } from '../transaction/transaction.ts'
import type { SentTransaction } from './batch.ts'
import type { SchemaRef } from './sent-schema.ts'

/** A row of the ledger, by its place. */
export interface LedgerPlace {
  readonly epoch: Epoch
  readonly seq: Seq
}

export interface HelloRequest {
  readonly site: string
  readonly epoch: Epoch
  /** Earlier lives of this journal, which main learns as ended. */
  readonly earlier: readonly Epoch[]
  /** Lineage that the site wrote to; undefined before first contact or when the operator accepted a new main. */
  readonly remembered: string | undefined
}

export type HelloAnswer =
  | {
      readonly kind: 'welcome'
      readonly term: number
      readonly lineage: string
      /** Where main stood when the lineage row was written; a replica past it without that row has diverged. */
      readonly lineageLsn: string
      /** Every lineage of this main, oldest first. */
      readonly chain: readonly string[]
      readonly system: string
      readonly timeline: number
      /** Flushed position of main, `timeline/LSN`. */
      readonly position: string
      /** True when main knows that this site has brought all that it retains since the last change of lineage. */
      readonly isRedriven: boolean
      /** Of the link alone, without main's work, where that was measured. */
      readonly roundTripMs?: number
    }
  /** The server is a standby for the moment. */
  | { readonly kind: 'recovery' }
  /** The server does not descend from the remembered lineage; nothing was written to it. */
  | { readonly kind: 'stranger'; readonly system: string; readonly timeline: number }
  /** This life of the journal has ended. */
  | { readonly kind: 'fenced' }
  /** Main's ledger is of another major version; nothing was written to it. */
  | { readonly kind: 'ledger'; readonly major: number }

/**
 * How often the same class-42 rejection was seen since a statement of its shape succeeded (N11). Main counts; the site
 * only brings it from one CALL to the next.
 */
export interface Streak {
  readonly sqlstate: string
  readonly message: string
  /** Of the statement that failed last; null while it is not known. */
  readonly shape: Shape | null
  readonly count: number
}

export interface ApplyCall {
  readonly site: string
  readonly epoch: Epoch
  readonly term: number
  /** Last ledger row that the site was told had committed (N6). */
  readonly told: LedgerPlace | undefined
  readonly lineage: string
  readonly transactions: readonly SentTransaction[]
  readonly plan: EncodedPlan
  /** The schema that the operations are of; undefined where none is known. */
  readonly schema: SchemaRef | undefined
  /** Everything retained was compared and nothing of it is missing any more. */
  readonly isRedriven: boolean
  readonly streaks: readonly Streak[]
  /** Of this CALL, counted up from one contact on. */
  readonly number: number
  /** The CALL before it, while that is unanswered: main does nothing unless that one has applied all that it carried. */
  readonly after: number | undefined
}

/** One outcome of neighbouring transactions. */
export interface OutcomeRun {
  readonly seqs: readonly Seq[]
  /** `stuck`: refused for a reason that may pass, with no ledger row; `parked`: skipped, because of one before it. */
  readonly outcome: 'applied' | 'rejected' | 'waiting' | 'stuck' | 'parked'
  /** When main applied or rejected it, by its clock to the microsecond, as text; absent for what has no ledger row. */
  readonly appliedAt?: string
  /** Lineage of the ledger row. */
  readonly lineage?: string
  /** Epoch of the ledger row when it is not the one under which it was sent (N2). */
  readonly epoch?: Epoch
  readonly sqlstate?: string
  readonly constraint?: string
  readonly detail?: string
  readonly message?: string
  /** The ledger holds this transaction id with other operations. */
  readonly isDigestDifferent?: boolean
  /** Applied, but by the table's policy something of it gave way to what main had. */
  readonly isOverruled?: boolean
}

export type ApplyAnswer =
  | { readonly kind: 'lineage' }
  | { readonly kind: 'gap' }
  | { readonly kind: 'fenced' }
  /** The CALL before it has not applied all that it carried, so nothing was done. */
  | { readonly kind: 'early' }
  /** Main's schema is another than the CALL was made for; nothing was applied. */
  | { readonly kind: 'schema'; readonly history: SchemaHistory }
  | {
      readonly kind: 'done'
      /**
       * `taken`: a seq stands in the ledger for another transaction (N2). `streak`: ten equal class-42 rejections.
       * `schema`: main's schema was changed under way; what has no outcome was not applied.
       * `locked`: twenty that wait for locks which somebody holds.
       */
      readonly stopped?: 'taken' | 'streak' | 'schema' | 'locked'
      /** The epoch whose seqs stand for other transactions. */
      readonly takenEpoch?: Epoch
      readonly outcomes: readonly OutcomeRun[]
      /** The one that was counted last comes last. */
      readonly streaks: readonly Streak[]
      /** Position after the commit that made all of it durable, `timeline/LSN`. */
      readonly position: string
      readonly system: string
      readonly timeline: number
      readonly lineage: string
      /** Sites that have not re-driven yet: while there are any, missing rows count no attempt (N9). */
      readonly pausedBy: readonly string[]
    }

export type FinishedCall = Extract<ApplyAnswer, { readonly kind: 'done' }>

/** Consecutive ledger rows of one epoch. */
export interface Island {
  readonly epoch: Epoch
  readonly from: Seq
  readonly to: Seq
}

export interface Beat {
  /** Main's flushed position, `timeline/LSN`. */
  readonly position: string
  readonly at: string
  /** False when this is no longer the main that was greeted, or it lost what the site was told. */
  readonly isCurrent: boolean
}

/**
 * One connection to main as the applier sees it; every method has a deadline of its own and rejects with what the
 * driver or PostgreSQL says. A session that failed with a connectivity error is closed and never used again.
 */
export interface MainSession {
  hello(request: HelloRequest): Promise<HelloAnswer>
  /** May be called again before the answer: main then takes one after the other, in that order. */
  apply(call: ApplyCall): Promise<ApplyAnswer>
  /** Which of these seqs main's ledger has, pruned ones included (N6, N14). */
  islands(site: string, epochs: readonly Epoch[], from: Seq, to: Seq): Promise<readonly Island[]>
  /** Which of these transactions main's ledger has, under any seq (N2). */
  idsInLedger(site: string, ids: readonly string[]): Promise<ReadonlySet<string>>
  beat(site: string, lineage: string, told: LedgerPlace | undefined): Promise<Beat>
  /** Forgets what the site dropped; true when nothing is left to do. */
  prune(
    site: string,
    epoch: Epoch,
    term: number,
    drops: readonly { readonly epoch: Epoch; readonly through: Seq }[],
  ): Promise<boolean>
  /** Forgets a limited number of old answers to direct writes; true when nothing is left to do (N22). */
  forgetAnswers(): Promise<boolean>
  /** The operator's word that no other site will bring what still misses: attempts count again (N9). */
  releaseAttempts(): Promise<void>
  /** Ends the connection at once; idempotent. */
  close(): Promise<void>
}

/** Opens a session; rejects at its deadline or when the signal aborts. */
export type OpenMainSession = (signal: AbortSignal) => Promise<MainSession>
