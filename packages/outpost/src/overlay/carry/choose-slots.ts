import { ByteWriter } from '../encode/byte-writer.ts'
import { absent, deleteItem, int32At, nullValue, patchItem } from '../encode/image-item.ts'
import { nowhere } from '../index/image-slab.ts'
import type { PendingIndex } from '../index/pending-index.ts'
import type { PendingTable } from '../index/pending-table.ts'
import { movedFlag } from '../index/slot-store.ts'
import type { Condition, FirstRows, Pruning } from '../prune.ts'
import { orderNumber } from '../row-order.ts'

/** What becomes of a pending row in one statement. */
export type Choice = 'carry' | 'exclude' | 'leave_out'

export interface ChosenSlots {
  readonly slots: Iterable<number>
  readonly choose: (slot: number) => Choice
}

/** Combinations of values of a key that are looked up one by one however few rows there are. */
const minimumTuples = 100

type Matching = Extract<Pruning, { kind: 'matching' }>

/**
 * The pending rows that a statement needs, by N18; undefined where none of them can matter to it. `mustLook` are rows
 * whose image is not to be trusted yet.
 */
export function chooseSlots(
  index: PendingIndex,
  table: PendingTable,
  pruning: Pruning,
  mustLook: ReadonlySet<number>,
): ChosenSlots | undefined {
  switch (pruning.kind) {
    case 'all':
      return { slots: table.slots, choose: () => 'carry' }
    case 'keys': {
      const slots = keySlots(index, table, pruning.keys)
      return slots.size > 0 ? { slots, choose: () => 'carry' } : undefined
    }
    case 'matching':
      return new MatchingSlots(index, table, pruning, mustLook).chosen()
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

class MatchingSlots {
  readonly #index: PendingIndex
  readonly #table: PendingTable
  readonly #pruning: Matching
  readonly #mustLook: ReadonlySet<number>
  readonly #conditions: readonly { readonly column: number; readonly encoded: readonly Buffer[] }[]
  /** Column numbers; undefined for all. */
  readonly #deciding: readonly number[] | undefined

  constructor(index: PendingIndex, table: PendingTable, pruning: Matching, mustLook: ReadonlySet<number>) {
    this.#index = index
    this.#table = table
    this.#pruning = pruning
    this.#mustLook = mustLook
    this.#conditions = pruning.conditions.map((condition) => ({
      column: condition.column.index,
      encoded: encodedValues(table, condition),
    }))
    this.#deciding =
      pruning.deciding && [...pruning.deciding].flatMap((name) => table.shape.byName.get(name)?.index ?? [])
  }

  chosen(): ChosenSlots {
    const { isOptimistic, first } = this.#pruning
    if (!isOptimistic) {
      return { slots: this.#table.slots, choose: (slot) => (this.#mayMatch(slot) ? 'carry' : 'exclude') }
    }
    const slots = this.#candidates()
    const limit = first && this.#rankLimit(slots, first)
    return {
      slots,
      choose: (slot) => {
        if (!this.#mayMatch(slot) || this.#keepsPlace(slot)) return 'leave_out'
        if (first === undefined || limit === undefined) return 'carry'
        return (this.#rank(slot, first) ?? Number.NEGATIVE_INFINITY) <= limit ? 'carry' : 'leave_out'
      },
    }
  }

  /** Undefined where the image has to be folded first. */
  #place(slot: number): number | undefined {
    const place = this.#index.slots.place(slot)
    const isUnknown = place === nowhere || this.#mustLook.has(slot) || this.#index.slots.has(slot, movedFlag)
    return isUnknown ? undefined : place
  }

  /** False only where the image certainly fails a condition. */
  #mayMatch(slot: number): boolean {
    const place = this.#place(slot)
    if (place === undefined) return true
    const bytes = this.#index.slab.bufferOf(place)
    const start = this.#index.slab.startOf(place)
    if (bytes[start] === deleteItem) return false
    return this.#conditions.every(({ column, encoded }) => {
      const at = this.#table.items.valueStart(bytes, start, column)
      if (at < 0) return at === absent
      const end = at + int32At(bytes, at - 4)
      return encoded.some((value) => value.compare(bytes, at, end) === 0)
    })
  }

  /** A patch that sets no deciding column: its row comes from main in its place, and is looked at then. */
  #keepsPlace(slot: number): boolean {
    const place = this.#place(slot)
    if (place === undefined) return false
    const bytes = this.#index.slab.bufferOf(place)
    const start = this.#index.slab.startOf(place)
    return bytes[start] === patchItem && !this.#table.items.setsOneOf(bytes, start, this.#deciding)
  }

  /** Where a new row stands in the order, small first; undefined for what is not a complete new row. */
  #rank(slot: number, { column, isDescending, nullsFirst }: FirstRows): number | undefined {
    const place = this.#place(slot)
    if (place === undefined || this.#table.items.form === 'text') return undefined
    const bytes = this.#index.slab.bufferOf(place)
    const start = this.#index.slab.startOf(place)
    if (bytes[start] === patchItem) return undefined
    const at = this.#table.items.valueStart(bytes, start, column.index)
    if (at === nullValue) return nullsFirst ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
    const number = orderNumber(column, bytes, at, int32At(bytes, at - 4))
    return isDescending ? -number : number
  }

  /** The rank of the last new row that the page can show. */
  #rankLimit(slots: Iterable<number>, first: FirstRows): number | undefined {
    const ranks: number[] = []
    for (const slot of slots) {
      const rank = this.#mayMatch(slot) ? this.#rank(slot, first) : undefined
      if (rank !== undefined) ranks.push(rank)
    }
    if (ranks.length <= first.count) return undefined
    if (first.count === 0) return Number.NEGATIVE_INFINITY
    return Float64Array.from(ranks).sort()[first.count - 1]
  }

  /** A superset of the rows whose image matches or whose change decides about its place. */
  #candidates(): Iterable<number> {
    const table = this.#table
    const slots = new Set<number>(table.moved)
    const add = (slot: number): void => {
      slots.add(slot)
    }
    const own = this.#byKey(add) ?? this.#byColumn(add)
    if (own === undefined) return table.slots
    for (const { column, index } of table.shape.columns) {
      if (column.name === own || (this.#deciding && !this.#deciding.includes(index))) continue
      this.#index.finder.eachSetting(table, column.name, add)
    }
    this.#index.finder.eachUnknown(table, add)
    for (const slot of this.#mustLook) if (this.#index.slots.table(slot) === table.id) slots.add(slot)
    return slots
  }

  /** By a key of which every column has a condition; answers the column that needs no further look: none. */
  #byKey(add: (slot: number) => void): '' | undefined {
    const { conditions } = this.#pruning
    for (const columns of this.#table.indexedKeys) {
      const lists = columns.map(
        (name) => conditions.find(({ column }) => column.column.name === name)?.values ?? [],
      )
      const count = lists.reduce((product, { length }) => product * length, 1)
      // Beyond that it is less work to look at every row.
      if (count === 0 || count > Math.max(minimumTuples, this.#table.count)) continue
      for (const values of combinations(lists))
        this.#index.finder.eachWithKey(this.#table, columns, values, add)
      return ''
    }
    return undefined
  }

  /** By a column with a condition; answers its name: whatever sets it is found by its value. */
  #byColumn(add: (slot: number) => void): string | undefined {
    const table = this.#table
    const indexed = this.#pruning.conditions.find(({ column }) => table.indexed.has(column.column.name))
    if (!indexed) return undefined
    const { name } = indexed.column.column
    for (const value of indexed.values) this.#index.finder.eachWithValue(table, name, value, add)
    return name
  }
}

/** Every tuple of one value of each list. */
function combinations(lists: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return lists.reduce<readonly (readonly string[])[]>(
    (tuples, values) => tuples.flatMap((tuple) => values.map((value) => [...tuple, value])),
    [[]],
  )
}

function encodedValues(table: PendingTable, { column, values }: Condition): readonly Buffer[] {
  const writer = new ByteWriter(64)
  return values
    .map((value) => table.items.encode(writer, column, value))
    .filter((value) => value !== undefined)
}
