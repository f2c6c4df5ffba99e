import type { Operation, TextRow } from '../transaction/operation.ts'
import { type Shape, shapeOf, type ValueRow, valuesOf } from './group-plan.ts'

/** PostgreSQL as far as the order of writes can show: keys, a unique name, references checked per statement. */
export class ModelDatabase {
  #tables: Map<string, Map<string, TextRow>>

  constructor(tables = new Map<string, Map<string, TextRow>>()) {
    this.#tables = tables
  }

  copy(): ModelDatabase {
    return new ModelDatabase(new Map([...this.#tables].map(([name, rows]) => [name, new Map(rows)])))
  }

  /** Canonical text of the content. */
  dump(): string {
    const tables = [...this.#tables].map(
      ([name, rows]) => [name, [...rows].sort(([a], [b]) => (a < b ? -1 : 1))] as const,
    )
    return JSON.stringify(tables.filter(([, rows]) => rows.length > 0).sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** Runs one statement over several rows, or throws and leaves it to the caller to forget this copy. */
  run(shape: Shape, rows: readonly ValueRow[]): void {
    const table = this.#rows(shape.table)
    for (const values of rows) this.#write(table, shape, values)
    this.#check()
  }

  runOperation(operation: Operation): void {
    this.run(shapeOf(operation), [valuesOf(operation)])
  }

  #write(table: Map<string, TextRow>, shape: Shape, values: ValueRow): void {
    const names = [...shape.key, ...shape.columns]
    const given = Object.fromEntries(names.map((name, index) => [name, values[index] ?? null]))
    const id = String(given.id)
    const old = table.get(id)
    if (shape.kind === 'insert') {
      if (old !== undefined) throw new Error('23505')
      table.set(id, given)
    } else if (old === undefined) throw new Error('OP003')
    else if (shape.kind === 'delete') table.delete(id)
    else table.set(id, { ...old, ...given })
    // A unique key is checked row by row.
    if (shape.table === 'public.unit') this.#checkNames(table)
  }

  #checkNames(units: Map<string, TextRow>): void {
    const names = [...units.values()].map((row) => row.name).filter((name) => name !== null)
    if (new Set(names).size < names.length) throw new Error('23505')
  }

  #check(): void {
    for (const row of this.#rows('public.file').values()) this.#refer('public.unit', row.unit_id)
    for (const row of this.#rows('public.tree').values()) this.#refer('public.tree', row.parent)
  }

  #refer(table: string, id: string | null | undefined): void {
    if (id !== null && id !== undefined && !this.#rows(table).has(id)) throw new Error('23503')
  }

  #rows(name: string): Map<string, TextRow> {
    let rows = this.#tables.get(name)
    if (rows === undefined) {
      rows = new Map()
      this.#tables.set(name, rows)
    }
    return rows
  }
}
