import type { EpochRange } from '../journal/journal.ts'
import type { TextRow } from '../transaction/operation.ts'
import type { Seq } from '../transaction/transaction.ts'
import { chooseSlots } from './carry/choose-slots.ts'
import { Collection, type ReadRecords } from './carry/collect.ts'
import { TableCarry } from './carry/table-carry.ts'
import type { FloorPoint } from './floor.ts'
import type { PendingIndex } from './index/pending-index.ts'
import type { PendingTable } from './index/pending-table.ts'
import { movedFlag } from './index/slot-store.ts'
import type { Coverage, MergedRead, NodeExecutor } from './overlay.ts'
import type { ChosenRows, OverlayMoment, Overtaking } from './overtaking.ts'
import { type Pruning, prune } from './prune.ts'
import { type AggregateDifference, inexactColumn } from './sql/aggregate-difference.ts'
import { hiddenKey, type ProofPlan } from './sql/merged-text.ts'
import type { AddedParameter } from './sql/parameters.ts'
import type { ReadPlan, TouchedTable } from './sql/read-plan.ts'
import type { CarryShape } from './sql/shadow-cte.ts'
import type { StatementNames } from './statement-names.ts'

/** What of the overlay one merged read sees. */
export interface ReadView {
  readonly index: PendingIndex
  readonly readRecords: ReadRecords
  readonly coverage: Coverage
  /** What a node has to show, as of now: asked anew each round, since what an older read held back may leave. */
  readonly floorsNow: (coverage: Coverage) => readonly FloorPoint[]
  readonly epochs: readonly EpochRange[]
  /** Fold only up to this transaction (N16). */
  readonly through: Seq | undefined
  /** Transactions that main refused or holds back (N20). */
  readonly held: ReadonlySet<Seq>
  /** Transactions that the node shows by itself in the snapshot of the statement (N21). */
  readonly arrived: ReadonlySet<Seq>
  /** Where the overlay stands at this moment. */
  readonly momentNow: () => OverlayMoment
}

/** What is asked, and of whom. */
export interface ReadStatement {
  readonly node: NodeExecutor
  readonly plan: ReadPlan
  readonly values: readonly unknown[]
  readonly names: StatementNames
}

/** Statements that carry more are planned anew each time, with the size of what they carry (E14). */
const maximumPreparedRows = 256
/** Rounds of looking for pending keys among the rows before everything is sent. */
const maximumRounds = 4

const none: ReadonlySet<number> = new Set()

/** One table's part of a statement. */
interface TablePart {
  readonly touched: TouchedTable
  readonly table: PendingTable
  readonly pruning: Pruning
  readonly carry: TableCarry
  readonly collection: Collection
}

interface Prepared {
  readonly parts: readonly TablePart[]
  /** The part whose excluded keys were not sent ahead. */
  readonly optimistic: TablePart | undefined
}

/**
 * Runs one statement over main's rows and the pending ones, again where a returned row turns out to be pending.
 * `overtaking` is left out where the node's snapshot is older than the view.
 */
export async function runMergedRead(
  statement: ReadStatement,
  view: ReadView,
  overtaking?: Overtaking,
): Promise<MergedRead> {
  const forced = new Set<number>()
  let isExact = true
  for (let round = 0; ; round++) {
    const floors = view.floorsNow(view.coverage)
    const moment = view.momentNow()
    const prepared = prepare(statement, view, forced, round < maximumRounds)
    if (!prepared.parts.every(isComplete) && !(await complete(prepared, view))) continue
    const difference = isExact ? differenceFor(statement.plan, prepared) : undefined
    const read = await run(statement, view, floors, prepared, difference)
    // Where nothing is carried every row comes from one snapshot of the node.
    const chosen = overtaking && chosenRows(prepared)
    if (chosen && chosen.length > 0 && (await overtaking.isPossible(moment, chosen)))
      return await overtaking.again()
    if (difference) {
      const exact = exactGroups(read, difference)
      if (exact) return exact
      isExact = false
      continue
    }
    const { optimistic } = prepared
    if (!optimistic) return read
    const more = pendingAmong(read, optimistic, view)
    if (more.length === 0) return withoutKeys(read, optimistic)
    for (const slot of more) forced.add(slot)
  }
}

const isComplete = ({ collection }: TablePart): boolean => collection.isComplete

function chosenRows({ parts }: Prepared): readonly ChosenRows[] {
  return parts
    .filter(({ carry }) => !carry.isEmpty)
    .map(({ table, collection }) => ({ tableId: table.id, slots: collection.taken }))
}

/** False when the statement has to start over, because a table's rows travel in another form from now on. */
async function complete({ parts }: Prepared, { readRecords }: ReadView): Promise<boolean> {
  for (const { collection } of parts) {
    if (!collection.isComplete && (await collection.complete(readRecords)) === 'again') return false
  }
  return true
}

function prepare(
  { plan, values }: ReadStatement,
  view: ReadView,
  forced: ReadonlySet<number>,
  mayBeOptimistic: boolean,
): Prepared {
  const mustLook = slotsOf(view)
  const parts: TablePart[] = []
  for (const touched of plan.touched.values()) {
    const table = view.index.table(touched.table.name)
    if (!table || table.count === 0) continue
    const pruning = pruningFor(plan, touched, table, values, mayBeOptimistic)
    const chosen = chooseSlots(view.index, table, pruning, mustLook)
    if (!chosen) continue
    const isLarge = pruning.kind === 'all' && table.count > maximumPreparedRows
    const carry = new TableCarry(table.items, plan.columnNames, isLarge)
    const collection = new Collection(view.index, table, carry, {
      through: view.through,
      mustLook,
      held: view.held,
      arrived: view.arrived,
      isTracked: pruning.kind !== 'all',
    })
    const isForced = pruning.kind === 'matching' && pruning.isOptimistic
    const first = isForced && forced.size > 0 ? withGroups(view.index, table, forced) : none
    collection.take(chosen, first)
    parts.push({ touched, table, pruning, carry, collection })
  }
  const optimistic = parts.find(({ pruning }) => pruning.kind === 'matching' && pruning.isOptimistic)
  return { parts, optimistic }
}

function pruningFor(
  plan: ReadPlan,
  touched: TouchedTable,
  table: PendingTable,
  values: readonly unknown[],
  mayBeOptimistic: boolean,
): Pruning {
  const pruningPlan = plan.pruningOf(touched)
  const pruning: Pruning = pruningPlan ? prune(pruningPlan, table.shape, values) : { kind: 'all' }
  if (pruning.kind !== 'matching' || mayBeOptimistic) return pruning
  if (pruning.conditions.length === 0) return { kind: 'all' }
  return { ...pruning, isOptimistic: false, first: undefined }
}

/** Rows that main refused a transaction of, or that wait for one that it refused, and those that have arrived in part. */
function slotsOf({ index, held, arrived }: ReadView): ReadonlySet<number> {
  if (held.size + arrived.size === 0) return none
  const slots = new Set<number>()
  for (const seqs of [held, arrived]) {
    for (const seq of seqs) for (const slot of index.slotsOf(seq)) slots.add(slot)
  }
  return slots
}

function withGroups(
  index: PendingIndex,
  table: PendingTable,
  forced: ReadonlySet<number>,
): ReadonlySet<number> {
  const slots = new Set<number>()
  for (const slot of forced) {
    if (index.slots.table(slot) !== table.id) continue
    for (const member of index.groupOf(slot)) slots.add(member)
  }
  return slots
}

async function run(
  { node, plan, values, names }: ReadStatement,
  view: ReadView,
  floors: readonly FloorPoint[],
  { parts, optimistic }: Prepared,
  difference: AggregateDifference | undefined,
): Promise<MergedRead> {
  const carried = parts.filter(({ carry }) => !carry.isEmpty)
  const shapes = carried.map((part) => part.carry.shape(plan.isPage, readsBase(part, view)))
  const { text, parameters } = plan.text({
    carried: shapes,
    proof: readsMain(plan, shapes) ? proofFor(view.coverage, floors) : undefined,
    showsKeyOf: optimistic?.touched.onlyUse,
    difference,
  })
  const added = parameters.map((parameter) => parameterValue(parameter, carried, floors, view.epochs))
  const carriedRows = carried.reduce((sum, { carry }) => sum + carry.rowCount, 0)
  const name = carriedRows <= maximumPreparedRows ? names.nameFor(plan, text) : undefined
  const result = await node.query({
    text,
    values: [...values, ...added],
    ...(name !== undefined && { name }),
  })
  return {
    rows: result.rows as readonly Record<string, unknown>[],
    fields: result.fields.map((field) => field.name),
    carriedRows,
  }
}

/** Where all pending rows of one table count, their difference is less work than looking at every row of main. */
function differenceFor(plan: ReadPlan, { parts, optimistic }: Prepared): AggregateDifference | undefined {
  const carried = parts.filter(({ carry }) => !carry.isEmpty)
  const [only] = carried
  if (!only || carried.length > 1 || optimistic || only.pruning.kind !== 'all') return undefined
  return plan.differenceOf(only.touched)
}

/** The rows without the flag, or undefined where the flag says that the difference does not tell. */
function exactGroups(read: MergedRead, { calls }: AggregateDifference): MergedRead | undefined {
  const needsFlag = calls.some(({ kind, mayBeNaN }) => kind === 'min' || kind === 'max' || mayBeNaN)
  if (read.rows.length === 0 && needsFlag) return undefined
  const isInexact = (flag: unknown): boolean => flag === true || flag === 't'
  if (read.rows.some((row) => isInexact(row[inexactColumn]))) return undefined
  for (const row of read.rows) delete (row as Record<string, unknown>)[inexactColumn]
  return { ...read, fields: read.fields.slice(0, -1) }
}

/** A read of pending inserts by key shows nothing of main: it needs no proof of what main's copy has. */
function readsMain(plan: ReadPlan, [shape, ...others]: readonly CarryShape[]): boolean {
  if (!shape || others.length > 0 || shape.readsBase || plan.statement.uses.length > 1) return true
  return shape.patches !== undefined || shape.moves !== undefined || shape.hasGuardedInserts
}

function proofFor(coverage: Coverage, floors: readonly FloorPoint[]): ProofPlan | undefined {
  if (coverage.lineage === undefined && floors.length === 0) return undefined
  return { site: coverage.site, lineage: coverage.lineage, epochs: floors.map((floor) => floor.epoch) }
}

/** Of rows asked for by key main's table is not needed when all of them are pending. */
function readsBase({ pruning, table, collection }: TablePart, view: ReadView): boolean {
  const { index, held, arrived, through } = view
  if (pruning.kind !== 'keys' || held.size + arrived.size > 0 || through !== undefined) return true
  return pruning.keys.some((key) => {
    const slot = index.find(table, key)
    return slot === -1 || !collection.taken?.has(slot) || index.slots.has(slot, movedFlag)
  })
}

function parameterValue(
  parameter: AddedParameter,
  parts: readonly TablePart[],
  floors: readonly FloorPoint[],
  epochs: readonly EpochRange[],
): unknown {
  if (parameter.kind === 'proven_seq') return String(floors[parameter.index]!.seq)
  return parts.find(({ table }) => table.name === parameter.table)!.carry.parameter(parameter, epochs)
}

/** Slots of returned rows that are pending and were not carried: main's version of them must not be served. */
function pendingAmong(read: MergedRead, part: TablePart, view: ReadView): readonly number[] {
  const { table, collection } = part
  const names = table.shape.keys.map((_, index) => hiddenKey(index))
  const found = new Set<number>()
  for (const row of read.rows) {
    const slot = view.index.findUnder(table, row as TextRow, names)
    if (slot === -1 || collection.taken?.has(slot)) continue
    if (view.through === undefined || view.index.oldestSeq(slot) <= view.through) found.add(slot)
  }
  return [...found]
}

function withoutKeys(read: MergedRead, { table }: TablePart): MergedRead {
  const hidden = table.shape.keys.map((_, index) => hiddenKey(index)).reverse()
  for (const row of read.rows) for (const name of hidden) delete (row as Record<string, unknown>)[name]
  return { ...read, fields: read.fields.slice(0, read.fields.length - hidden.length) }
}
