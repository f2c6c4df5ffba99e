import type { Operation, TextRow, TextValue } from '../transaction/operation.ts'
import type { Footprint } from './footprint.ts'

export type ValueRow = readonly TextValue[]

/** Rows that run as one statement. */
export interface Run {
  readonly shape: number
  readonly rows: ValueRow[]
}

type KnownFootprint = Exclude<Footprint, { readonly kind: 'alone' }>

/**
 * Collects the operations of one group into runs. Invariant: executing the runs one after another either leaves
 * what the operations leave in their order, or fails; it never succeeds otherwise. An operation joins the last run
 * of its shape unless something that it must follow stands at or behind that run.
 */
export class GroupPlan {
  readonly runs: Run[] = []
  readonly #lastByShape = new Map<number, number>()
  readonly #rows = new Map<string, number>()
  readonly #provided = new Map<string, number>()
  readonly #needed = new Map<string, number>()
  #lastDelete = -1

  /** Places an operation that may move; answers [run, row]. */
  place(shape: number, values: ValueRow, footprint: KnownFootprint): readonly [number, number] {
    const first = this.#firstAllowed(footprint)
    // All of one shape are movable or none is, so an ordered one never finds a run to join.
    const candidate = this.#lastByShape.get(shape) ?? -1
    const run = candidate >= first ? candidate : this.runs.length
    const place = run === candidate ? this.#join(run, values) : this.append(shape, values)
    if (footprint.kind === 'movable') this.#lastByShape.set(shape, run)
    this.#remember(footprint, run)
    return place
  }

  /** Appends an operation that keeps its place as a run of its own; answers [run, row]. */
  append(shape: number, values: ValueRow): readonly [number, number] {
    this.runs.push({ shape, rows: [values] })
    return [this.runs.length - 1, 0]
  }

  #join(run: number, values: ValueRow): readonly [number, number] {
    const rows = this.runs[run]!.rows
    rows.push(values)
    return [run, rows.length - 1]
  }

  #firstAllowed(footprint: KnownFootprint): number {
    // Two writes of one row never share a statement: it would run once, or see the row before the first write.
    let first = (this.#rows.get(footprint.row) ?? -1) + 1
    // References are checked at the end of a statement, so what it refers to may stand in the same one.
    for (const name of footprint.needs) first = Math.max(first, this.#provided.get(name) ?? 0)
    // A row that came too late for its referrer must not heal it.
    for (const name of footprint.provides) first = Math.max(first, (this.#needed.get(name) ?? -1) + 1)
    if (footprint.isAfterDeletes) first = Math.max(first, this.#lastDelete + 1)
    return first
  }

  #remember(footprint: KnownFootprint, run: number): void {
    this.#rows.set(footprint.row, Math.max(run, this.#rows.get(footprint.row) ?? -1))
    for (const name of footprint.provides) this.#provided.set(name, run)
    for (const name of footprint.needs) this.#needed.set(name, Math.max(run, this.#needed.get(name) ?? -1))
    if (footprint.isDelete) this.#lastDelete = Math.max(run, this.#lastDelete)
  }
}

/** A statement's shape on the wire; the procedure makes the text from its own catalog. */
export interface Shape {
  /** `refuse` writes nothing: main raises the reason, which stands in place of a column. */
  readonly kind: Operation['kind'] | 'refuse'
  readonly table: string
  readonly key: readonly string[]
  readonly columns: readonly string[]
  /** Columns whose values before are told, behind those of `columns`. */
  readonly seen?: readonly string[]
}

export function shapeOf(operation: Operation): Shape {
  switch (operation.kind) {
    case 'insert':
      return { kind: 'insert', table: operation.table, key: [], columns: Object.keys(operation.row) }
    case 'update':
      return {
        kind: 'update',
        table: operation.table,
        key: Object.keys(operation.key),
        columns: Object.keys(operation.set),
        ...seenOf(operation),
      }
    case 'delete':
      return {
        kind: 'delete',
        table: operation.table,
        key: Object.keys(operation.key),
        columns: [],
        ...seenOf(operation),
      }
  }
}

export function refusalShape(reason: string): Shape {
  return { kind: 'refuse', table: 'outpost.schema_change', key: [], columns: [reason] }
}

export function valuesOf(operation: Operation): ValueRow {
  switch (operation.kind) {
    case 'insert':
      return Object.values(operation.row)
    case 'update':
      return [
        ...Object.values(operation.key),
        ...Object.values(operation.set),
        ...Object.values(operation.seen ?? {}),
      ]
    case 'delete':
      return [...Object.values(operation.key), ...Object.values(operation.seen ?? {})]
  }
}

function seenOf({ seen }: { readonly seen?: TextRow }): Pick<Shape, 'seen'> {
  return seen === undefined ? {} : { seen: Object.keys(seen) }
}
