import { ByteWriter } from '../encode/byte-writer.ts'
import { deleteItem, insertItem, isSet, type ItemFields } from '../encode/image-item.ts'
import { nowhere } from '../index/image-slab.ts'
import type { PendingIndex } from '../index/pending-index.ts'
import type { PendingTable } from '../index/pending-table.ts'
import { movedFlag } from '../index/slot-store.ts'
import type { Condition, Pruning } from '../prune.ts'

/** What becomes of a pending row in one statement. */
export type Choice = 'carry' | 'exclude' | 'leave_out'

export interface ChosenSlots {
  readonly slots: Iterable<number>
  readonly choose: (slot: number) => Choice
}

type Equality = Extract<Pruning, { kind: 'equality' }>

/** The pending rows that a statement needs, by N18. `mustLook` are rows whose image is not to be trusted yet. */
export function chooseSlots(
  index: PendingIndex,
  table: PendingTable,
  pruning: Pruning,
  mustLook: ReadonlySet<number>,
): ChosenSlots {
  switch (pruning.kind) {
    case 'all':
      return { slots: table.slots, choose: () => 'carry' }
    case 'keys':
      return { slots: keySlots(index, table, pruning.keys), choose: () => 'carry' }
    case 'equality':
      return equalitySlots(index, table, pruning, mustLook)
  }
}

function keySlots(
  index: PendingIndex,
  table: PendingTable,
  keys: Extract<Pruning, { kind: 'keys' }>['keys'],
): ReadonlySet<number> {
  const slots = new Set<number>()
  for (const key of keys) {
    const slot = index.find(table, key)
    if (slot !== -1) for (const member of index.groupOf(slot)) slots.add(member)
  }
  return slots
}

function equalitySlots(
  index: PendingIndex,
  table: PendingTable,
  pruning: Equality,
  mustLook: ReadonlySet<number>,
): ChosenSlots {
  const matcher = new Matcher(table, pruning.conditions)
  const read = (slot: number): ItemFields | undefined => {
    const place = index.slots.place(slot)
    if (place === nowhere || mustLook.has(slot) || index.slots.has(slot, movedFlag)) return undefined
    return table.items.read(index.slab.bufferOf(place), index.slab.startOf(place))
  }
  if (!pruning.isOptimistic) {
    return { slots: table.slots, choose: (slot) => (matcher.mayMatch(read(slot)) ? 'carry' : 'exclude') }
  }
  const choose = (slot: number): Choice => {
    const fields = read(slot)
    if (!matcher.mayMatch(fields)) return 'leave_out'
    return fields && leavesPlace(table, fields, pruning.deciding) ? 'leave_out' : 'carry'
  }
  return { slots: candidates(index, table, pruning, mustLook), choose }
}

/** A patch that sets no deciding column: its row comes from main in its place, and is looked at then. */
function leavesPlace(
  table: PendingTable,
  fields: ItemFields,
  deciding: ReadonlySet<string> | undefined,
): boolean {
  if (fields.kind === insertItem) return false
  return !table.shape.columns.some(
    (column) => isSet(fields, column.index) && (!deciding || deciding.has(column.column.name)),
  )
}

/** A superset of the rows whose image matches or whose change decides about its place. */
function candidates(
  index: PendingIndex,
  table: PendingTable,
  pruning: Equality,
  mustLook: ReadonlySet<number>,
): Iterable<number> {
  const indexed = pruning.conditions.find(({ column }) => table.indexed.has(column.column.name))
  if (!indexed) return table.slots
  const slots = new Set<number>(table.moved)
  const add = (slot: number): void => {
    slots.add(slot)
  }
  const own = indexed.column.column.name
  for (const value of indexed.values) index.eachWithValue(table, own, value, add)
  for (const { column } of table.shape.columns) {
    const isDeciding = !pruning.deciding || pruning.deciding.has(column.name)
    if (isDeciding && column.name !== own) index.eachSetting(table, column.name, add)
  }
  index.eachUnknown(table, add)
  for (const slot of mustLook) if (index.slots.table(slot) === table.id) slots.add(slot)
  return slots
}

/** Compares encoded images with the conditions' values. */
class Matcher {
  readonly #table: PendingTable
  readonly #conditions: readonly { readonly condition: Condition; readonly encoded: readonly Buffer[] }[]

  constructor(table: PendingTable, conditions: readonly Condition[]) {
    this.#table = table
    const writer = new ByteWriter(64)
    this.#conditions = conditions.map((condition) => ({
      condition,
      encoded: condition.values
        .map((value) => table.items.encode(writer, condition.column, value))
        .filter((value) => value !== undefined),
    }))
  }

  /** False only where the image certainly fails a condition. An image that is not at hand may match. */
  mayMatch(fields: ItemFields | undefined): boolean {
    if (!fields) return true
    if (fields.kind === deleteItem) return false
    return this.#conditions.every(({ condition, encoded }) => {
      if (!isSet(fields, condition.column.index)) return true
      return encoded.some((value) => this.#table.items.holds(fields, condition.column, value) === true)
    })
  }
}
