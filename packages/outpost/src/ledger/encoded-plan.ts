import type { TableName } from '../postgres/catalog.ts'
import type { Seq } from '../transaction/transaction.ts'
import { BatchPlanner, defaultPlanLimits, type PlanLimits, type PlannedTransaction } from './batch-plan.ts'
import type { TableRules } from './table-rules.ts'

/** The payload of one CALL but for what is known only when it is sent. */
export interface EncodedPlan {
  /** Seqs of each group in the order sent, to read the outcomes by. */
  readonly groups: readonly (readonly Seq[])[]
  /** The JSON text with the members of `rest` beside the plan's own. */
  payload(rest: Readonly<Record<string, unknown>>): string
}

/**
 * Plans and encodes group by group as transactions come, so that a batch of many megabytes is text before it is
 * complete, what it was read from is garbage early, and no single step holds the event loop for long.
 */
export class PlanEncoder {
  readonly #planner: BatchPlanner
  readonly #texts: string[] = []

  constructor(rules: (table: TableName) => TableRules, limits: PlanLimits = defaultPlanLimits) {
    this.#planner = new BatchPlanner(rules, limits, (group) => this.#texts.push(JSON.stringify(group)))
  }

  add(transaction: PlannedTransaction): void {
    this.#planner.add(transaction)
  }

  /** Nothing may be added behind it. */
  finish(): EncodedPlan {
    const { groups, ...frame } = this.#planner.finish()
    const texts = this.#texts
    return {
      groups,
      payload: (rest) =>
        `${JSON.stringify({ ...rest, ...frame }).slice(0, -1)},"groups":[${texts.join(',')}]}`,
    }
  }
}
