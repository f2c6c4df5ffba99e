import type { Operation, TextRow } from '../transaction/operation.ts'

export type Value = string | number | null
export type Row = Readonly<Record<string, Value>>

/** A transaction as it was recorded, in the order in which main gets them. */
export interface Arriving {
  readonly site: string
  readonly id: string
  readonly stamp: bigint
  readonly operations: readonly Operation[]
  /** Something that it depends on is a dead letter, or waits for one. */
  readonly isHeldBack: boolean
}

/** What main records of a conflict, as far as the model tells it. */
export interface ModelConflict {
  readonly site: string
  readonly transaction: string
  readonly columns: readonly string[]
  readonly winner: 'mine' | 'theirs' | 'merged'
  readonly lost: readonly string[]
  readonly isRejected: boolean
  readonly otherSites: readonly string[]
}

interface Stamps {
  readonly isDeleted: boolean
  readonly columns: ReadonlyMap<string, { readonly clock: bigint; readonly site: string }>
}

interface World {
  /** As they were before the transaction: what it is told of when it is refused. */
  readonly committed: ReadonlyMap<string, Stamps>
  readonly rows: Map<string, Row>
  readonly stamps: Map<string, Stamps>
}

/** What the application's own function makes of a change; the SQL of the simulation says the same. */
export function ownPolicy(mine: Row | null, theirs: Row): Row | null {
  if (mine === null) return Number(theirs.n) % 2 === 0 ? {} : null
  if (mine.a === 'raise') throw new Refused('OP008')
  if (mine.a === 'drop') return null
  const n = [mine.n, theirs.n].filter((value) => typeof value === 'number')
  return { ...theirs, ...mine, n: n.length === 0 ? null : Math.max(...n) }
}

class Refused extends Error {
  readonly conflict: ModelConflict | undefined
  constructor(sqlstate: string, conflict?: ModelConflict) {
    super(sqlstate)
    this.conflict = conflict
  }
}

const sorted = (names: readonly string[]) => [...new Set(names)].sort()

/** Main, as the documentation of the policies says it: rows, and who set which column last. Written apart from the SQL. */
export class ConflictModel {
  readonly conflicts: ModelConflict[] = []
  #world: World = { committed: new Map(), rows: new Map(), stamps: new Map() }

  get rows(): ReadonlyMap<string, Row> {
    return this.#world.rows
  }

  apply(arriving: Arriving): 'applied' | 'overruled' | 'rejected' | 'parked' {
    if (arriving.isHeldBack) return 'parked'
    const { rows, stamps } = this.#world
    const world: World = { committed: stamps, rows: new Map(rows), stamps: new Map(stamps) }
    const conflicts: ModelConflict[] = []
    let isOverruled = false
    try {
      for (const operation of arriving.operations) {
        const found = change(world, arriving, operation)
        if (found.conflict) conflicts.push(found.conflict)
        isOverruled ||= found.isOverruled
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      if (error.conflict) this.conflicts.push(error.conflict)
      return 'rejected'
    }
    this.#world = world
    this.conflicts.push(...conflicts)
    return isOverruled ? 'overruled' : 'applied'
  }
}

interface Changed {
  readonly conflict?: ModelConflict
  readonly isOverruled: boolean
}

const plain: Changed = { isOverruled: false }

function change(world: World, arriving: Arriving, operation: Operation): Changed {
  const place = `${operation.table} ${operation.kind === 'insert' ? operation.row.id : operation.key.id}`
  const theirs = world.rows.get(place)
  if (operation.kind === 'insert') {
    if (theirs) throw new Refused('23505')
    world.rows.set(place, valuesOf(operation.row))
    return plain
  }
  const policy = operation.table.replace('public.', '')
  const mine = operation.kind === 'delete' ? null : valuesOf(operation.set)
  const base = valuesOf(operation.seen ?? {})
  const moved = sorted(Object.keys(base).filter((column) => base[column] !== theirs?.[column]))
  const known = world.stamps.get(place)
  const set = Object.keys(mine ?? {})
  const note = (
    more: Pick<ModelConflict, 'columns' | 'winner' | 'lost'> & { isRejected?: boolean },
  ): ModelConflict => ({
    site: arriving.site,
    transaction: arriving.id,
    columns: sorted(more.columns),
    winner: more.winner,
    lost: sorted(more.lost),
    isRejected: more.isRejected ?? false,
    otherSites: othersOf(more.isRejected ? world.committed.get(place) : known, arriving.site, more.columns),
  })
  const write = (row: Row | null, columns: readonly string[] = set) => {
    if (row === null) world.rows.delete(place)
    else world.rows.set(place, row)
    if (policy === 'nothing') return
    const stamp = { clock: arriving.stamp, site: arriving.site }
    const before = row === null || known?.isDeleted ? [] : [...(known?.columns ?? [])]
    const fresh = row === null ? [['*', stamp] as const] : columns.map((column) => [column, stamp] as const)
    world.stamps.set(place, { isDeleted: row === null, columns: new Map([...before, ...fresh]) })
  }
  const merged = (row: Row | null) => (row === null ? null : { ...theirs, ...row })

  if (policy === 'compare') {
    const isConflict = Object.keys(base).length === 0 || moved.length > 0
    if (isConflict && (theirs || known?.isDeleted))
      throw new Refused('OP006', note({ columns: moved, winner: 'theirs', lost: set, isRejected: true }))
  }
  if (!theirs) {
    if (policy !== 'latest' || !known?.isDeleted) throw new Refused('OP003')
    if (mine === null) return plain
    return { conflict: note({ columns: set, winner: 'theirs', lost: set }), isOverruled: true }
  }
  if (policy === 'nothing') {
    write(merged(mine))
    return plain
  }
  if (policy === 'own' && (moved.length > 0 || Object.keys(base).length === 0)) {
    const result = ownPolicy(mine, theirs)
    let lost: readonly string[]
    if (mine === null) {
      lost = result === null ? ['*'] : []
      if (result !== null) write(null)
    } else if (result === null) {
      lost = set.filter((column) => mine[column] !== theirs[column])
    } else {
      lost = set.filter(
        (column) => mine[column] !== theirs[column] && (result[column] ?? null) !== mine[column],
      )
      const columns = Object.keys(result).filter((column) => result[column] !== theirs[column])
      if (columns.length > 0) write({ ...theirs, ...result }, columns)
    }
    const isChanged =
      result !== null && Object.keys(result).some((column) => result[column] !== theirs[column])
    const winner = lost.length === 0 ? 'mine' : mine === null || !isChanged ? 'theirs' : 'merged'
    if (lost.length + moved.length === 0) return plain
    const columns = moved.length > 0 ? moved : lost
    return { conflict: note({ columns, winner, lost }), isOverruled: lost.length > 0 }
  }
  const lost =
    policy !== 'latest' || mine === null
      ? []
      : set.filter((column) => {
          const stamp = known?.isDeleted ? undefined : known?.columns.get(column)
          if (!stamp || stamp.site === arriving.site || (column in base && !moved.includes(column)))
            return false
          return (
            stamp.clock > arriving.stamp || (stamp.clock === arriving.stamp && stamp.site > arriving.site)
          )
        })
  const contested =
    mine === null
      ? moved
      : set.filter(
          (column) => mine[column] !== theirs[column] && (moved.includes(column) || lost.includes(column)),
        )
  const won = set.filter((column) => !lost.includes(column))
  if (mine === null) write(null)
  else if (won.length > 0)
    write(merged(Object.fromEntries(won.map((column) => [column, mine[column]!]))), won)
  const isOverruled = contested.some((column) => lost.includes(column))
  if (contested.length === 0) return plain
  const winner = lost.length === 0 ? 'mine' : won.length === 0 ? 'theirs' : 'merged'
  return { conflict: note({ columns: contested, winner, lost }), isOverruled }
}

function othersOf(stamps: Stamps | undefined, site: string, columns: readonly string[]): readonly string[] {
  const found = [...(stamps?.columns ?? [])].filter(
    ([column]) => stamps?.isDeleted || columns.includes(column),
  )
  return sorted(found.map(([, by]) => by.site).filter((by) => by !== site))
}

function valuesOf(row: TextRow): Row {
  const entries = Object.entries(row).filter(([column]) => column !== 'id')
  return Object.fromEntries(
    entries.map(([column, value]) => [column, column === 'n' && value !== null ? Number(value) : value]),
  )
}
