import type { Seq } from '../transaction/transaction.ts'
import type { OutcomeRun } from './main-session.ts'

/** An outcome as the procedure writes it: of a whole group, or of `n` transactions from number `x` of it. */
export interface WireOutcome {
  readonly g: number
  readonly x?: number
  readonly n?: number
  readonly o: OutcomeRun['outcome']
  readonly at?: string
  readonly lineage?: string
  /** Of the ledger row, where that is not the group's. */
  readonly epoch?: string
  readonly sqlstate?: string
  readonly constraint?: string
  readonly detail?: string
  readonly message?: string
  readonly digestDiffers?: boolean
  readonly overruled?: boolean
}

/** Pure: names the transactions of the procedure's outcomes. */
export function readOutcomes(
  outcomes: readonly WireOutcome[],
  groups: readonly (readonly Seq[])[],
  lineage: string,
): readonly OutcomeRun[] {
  return outcomes.map((wire) => {
    const group = groups[wire.g] ?? []
    const seqs = wire.x === undefined ? group : group.slice(wire.x, wire.x + (wire.n ?? 1))
    return {
      seqs,
      outcome: wire.o,
      lineage: wire.lineage ?? lineage,
      ...(wire.at === undefined ? {} : { appliedAt: wire.at }),
      ...(wire.epoch === undefined ? {} : { epoch: wire.epoch }),
      ...(wire.sqlstate === undefined ? {} : { sqlstate: wire.sqlstate }),
      ...(wire.constraint === undefined ? {} : { constraint: wire.constraint }),
      ...(wire.detail === undefined ? {} : { detail: wire.detail }),
      ...(wire.message === undefined ? {} : { message: wire.message }),
      ...(wire.digestDiffers === true ? { isDigestDifferent: true } : {}),
      ...(wire.overruled === true ? { isOverruled: true } : {}),
    }
  })
}
