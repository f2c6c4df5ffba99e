import type { TableName } from '../postgres/catalog.ts'
import type { Operation } from '../transaction/operation.ts'
import type { DecisionKind, Epoch, Seq, TransactionId } from '../transaction/transaction.ts'
import { type Footprint, footprintOf } from './footprint.ts'
import { GroupPlan, refusalShape, type Shape, shapeOf, type ValueRow, valuesOf } from './group-plan.ts'
import type { TableRules } from './table-rules.ts'

/** One transaction as it is sent. */
export interface PlannedTransaction {
  readonly seq: Seq
  readonly epoch: Epoch
  readonly id: TransactionId
  readonly digest: string
  readonly bufferedAtMs: number
  /** Only seqs that are sent in the same batch or were not known applied when it was formed. */
  readonly dependsOn: readonly Seq[]
  /** A missing reference rejects it this time, instead of leaving it waiting (N9). */
  readonly isLastAttempt: boolean
  readonly operations: readonly Operation[]
  /** A migration gave it no meaning in main's schema: main rejects it with this reason instead of applying it. */
  readonly refusal?: string
  /** An operator's decision goes alone: main must look whether it comes too late (N3). */
  readonly decision?: WireDecision
  /** Its hybrid logical clock, where a last writer is looked for. */
  readonly stamp?: string
}

/** A decision as main's ledger keeps it. */
export interface WireDecision {
  readonly kind: DecisionKind
  /** Ids of what it decides on, the dead letter first. */
  readonly on: readonly TransactionId[]
  readonly reason?: string
  readonly actor?: string
}

type WireTransaction = readonly [
  seq: Seq,
  id: TransactionId,
  digest: string,
  bufferedAtMs: number,
  dependsOn: readonly Seq[],
  isLastAttempt: boolean,
  places: readonly number[],
  ...rest: readonly (WireDecision | string | null)[],
]

/** See `migrations/004-apply/procedure.ts` for the meaning of the letters; they are short because the link may be 10 kB/s. */
export interface WireGroup {
  readonly e: number
  readonly d: readonly Seq[]
  readonly s?: true
  readonly x: readonly WireTransaction[]
  readonly r: readonly (readonly [number, readonly ValueRow[]])[]
}

export interface WireBatch {
  readonly epochs: readonly Epoch[]
  readonly shapes: readonly Shape[]
  readonly groups: readonly WireGroup[]
}

export interface BatchPlan {
  readonly wire: WireBatch
  /** Seqs of each group in the order sent, to read the outcomes by. */
  readonly groups: readonly (readonly Seq[])[]
}

export interface PlanLimits {
  /** A group that fails is done again one by one, so it stays small. */
  readonly maxGroupTransactions: number
  readonly maxGroupOperations: number
}

export const defaultPlanLimits: PlanLimits = { maxGroupTransactions: 64, maxGroupOperations: 2000 }

/** Pure: turns transactions in journal order into the payload of one CALL. */
export function planBatch(
  transactions: readonly PlannedTransaction[],
  rules: (table: TableName) => TableRules,
  limits: PlanLimits = defaultPlanLimits,
): BatchPlan {
  const wireGroups: WireGroup[] = []
  const planner = new BatchPlanner(rules, limits, (group) => wireGroups.push(group))
  for (const transaction of transactions) planner.add(transaction)
  const { epochs, shapes, groups } = planner.finish()
  return { wire: { epochs, shapes, groups: wireGroups }, groups }
}

/** What the groups of one payload refer to by number. */
export interface PlanFrame {
  readonly epochs: readonly Epoch[]
  readonly shapes: readonly Shape[]
  /** Seqs of each group in the order sent. */
  readonly groups: readonly (readonly Seq[])[]
}

interface OpenGroup {
  readonly epoch: Epoch
  readonly isAlone: boolean
  readonly transactions: PlannedTransaction[]
  readonly footprints: (readonly Footprint[])[]
  operations: number
}

/** Takes transactions in journal order and hands out each group of the payload as soon as it is complete. */
export class BatchPlanner {
  readonly #rules: (table: TableName) => TableRules
  readonly #limits: PlanLimits
  readonly #onGroup: (group: WireGroup) => void
  readonly #epochs: Epoch[] = []
  readonly #shapes: Shape[] = []
  readonly #shapeNumbers = new Map<string, number>()
  readonly #groups: (readonly Seq[])[] = []
  #open: OpenGroup | undefined

  constructor(
    rules: (table: TableName) => TableRules,
    limits: PlanLimits,
    onGroup: (group: WireGroup) => void,
  ) {
    this.#rules = rules
    this.#limits = limits
    this.#onGroup = onGroup
  }

  add(transaction: PlannedTransaction): void {
    const footprints = transaction.operations.map((operation) =>
      footprintOf(operation, this.#rules(operation.table)),
    )
    const isAlone =
      transaction.decision !== undefined ||
      transaction.refusal !== undefined ||
      footprints.some((footprint) => footprint.kind === 'alone')
    if (this.#open !== undefined && !fits(this.#open, transaction, isAlone, this.#limits)) this.#close()
    this.#open ??= { epoch: transaction.epoch, isAlone, transactions: [], footprints: [], operations: 0 }
    this.#open.transactions.push(transaction)
    this.#open.footprints.push(footprints)
    this.#open.operations += transaction.operations.length
  }

  /** Hands out the last group; nothing may be added behind it. */
  finish(): PlanFrame {
    this.#close()
    return { epochs: this.#epochs, shapes: this.#shapes, groups: this.#groups }
  }

  #close(): void {
    const group = this.#open
    if (group === undefined) return
    this.#open = undefined
    const plan = new GroupPlan()
    const transactions = group.transactions.map((transaction, index) =>
      this.#transaction(transaction, group.footprints[index]!, plan),
    )
    const seqs = group.transactions.map((transaction) => transaction.seq)
    const own = new Set(seqs)
    const outside = new Set(group.transactions.flatMap((t) => t.dependsOn.filter((seq) => !own.has(seq))))
    this.#groups.push(seqs)
    this.#onGroup({
      e: this.#epochNumber(group.epoch),
      d: [...outside],
      ...(group.isAlone ? { s: true as const } : {}),
      x: transactions,
      r: plan.runs.map((run) => [run.shape, run.rows] as const),
    })
  }

  #transaction(
    transaction: PlannedTransaction,
    footprints: readonly Footprint[],
    plan: GroupPlan,
  ): WireTransaction {
    const places: number[] = []
    if (transaction.refusal !== undefined) {
      places.push(...plan.append(this.#numberOf(refusalShape(transaction.refusal)), []))
    }
    transaction.operations.forEach((operation, index) => {
      const shape = this.#shapeNumber(operation)
      const footprint = footprints[index]!
      const values = valuesOf(operation)
      places.push(
        ...(footprint.kind === 'alone' ? plan.append(shape, values) : plan.place(shape, values, footprint)),
      )
    })
    const { seq, id, digest, bufferedAtMs, dependsOn, isLastAttempt, decision, stamp } = transaction
    const facts = [seq, id, digest, bufferedAtMs, dependsOn, isLastAttempt, places] as const
    if (stamp !== undefined) return [...facts, decision ?? null, stamp]
    return decision === undefined ? facts : [...facts, decision]
  }

  #epochNumber(epoch: Epoch): number {
    const known = this.#epochs.indexOf(epoch)
    return known >= 0 ? known : this.#epochs.push(epoch) - 1
  }

  #shapeNumber(operation: Operation): number {
    return this.#numberOf(shapeOf(operation))
  }

  #numberOf(shape: Shape): number {
    // No identifier of PostgreSQL holds a NUL, so that no two shapes share a name.
    const name = `${shape.kind} ${shape.table}\0${shape.key.join('\0')}\0\0${shape.columns.join('\0')}\0\0${shape.seen?.join('\0') ?? ''}`
    const known = this.#shapeNumbers.get(name)
    if (known !== undefined) return known
    this.#shapeNumbers.set(name, this.#shapes.length)
    return this.#shapes.push(shape) - 1
  }
}

function fits(
  open: OpenGroup,
  transaction: PlannedTransaction,
  isAlone: boolean,
  limits: PlanLimits,
): boolean {
  return (
    open.epoch === transaction.epoch &&
    open.isAlone === isAlone &&
    open.transactions.length < limits.maxGroupTransactions &&
    open.operations + transaction.operations.length <= limits.maxGroupOperations
  )
}
