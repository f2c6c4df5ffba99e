import { quoteIdent, quoteLiteral } from '../../postgres/quote.ts'
import type { Operation, TextRow, TextValue } from '../../transaction/operation.ts'
import { newKey } from '../fold.ts'
import type { Random } from './random.spec-suite.ts'
import { type SampleTable, sampleRow, sampleTables, sampleValue } from './sample-schema.spec-suite.ts'

const literal = (value: TextValue): string => (value === null ? 'NULL' : quoteLiteral(value))

const keyCondition = (key: TextRow): string =>
  Object.entries(key)
    .map(([name, value]) => `${quoteIdent(name)} = ${literal(value)}`)
    .join(' AND ')

/** The statement that does on a database what the operation says. */
export function operationSql(operation: Operation): string {
  switch (operation.kind) {
    case 'insert': {
      const names = Object.keys(operation.row).map(quoteIdent)
      return `INSERT INTO ${operation.table} (${names.join(', ')}) VALUES (${Object.values(operation.row).map(literal).join(', ')})`
    }
    case 'update': {
      const sets = Object.entries(operation.set).map(
        ([name, value]) => `${quoteIdent(name)} = ${literal(value)}`,
      )
      return `UPDATE ${operation.table} SET ${sets.join(', ')} WHERE ${keyCondition(operation.key)}`
    }
    case 'delete':
      return `DELETE FROM ${operation.table} WHERE ${keyCondition(operation.key)}`
  }
}

const keyOf = (table: SampleTable, row: TextRow): TextRow =>
  Object.fromEntries(table.keys.map((name) => [name, row[name] ?? null]))

const keyName = (table: SampleTable, key: TextRow): string =>
  `${table.name} ${table.keys.map((name) => key[name]).join('|')}`

export interface SampleTransaction {
  readonly operations: readonly Operation[]
  /** Rows that it touches. */
  readonly touches: ReadonlySet<string>
}

/** Which rows exist, so that random transactions are ones that main would accept. */
export class SampleWorld {
  readonly #random: Random
  readonly #rows = new Map<string, { readonly table: SampleTable; readonly key: TextRow }>()

  constructor(random: Random) {
    this.#random = random
  }

  get random(): Random {
    return this.#random
  }

  existing(tableName: string): readonly TextRow[] {
    return [...this.#rows.values()].flatMap(({ table, key }) => (table.name === tableName ? [key] : []))
  }

  initialRows(perTable: number): readonly Operation[] {
    return sampleTables.flatMap((table) =>
      Array.from({ length: perTable }, () => this.#insert(table)).flatMap((operation) => operation ?? []),
    )
  }

  transaction(): SampleTransaction {
    const touches = new Set<string>()
    const operations: Operation[] = []
    const count = 1 + this.#random.below(4)
    while (operations.length < count) {
      const operation = this.#operation(touches)
      if (operation) operations.push(operation)
    }
    return { operations, touches }
  }

  #operation(touches: Set<string>): Operation | undefined {
    const table = this.#random.pick(sampleTables)
    const rows = this.existing(table.name)
    if (rows.length === 0 || this.#random.chance(0.45)) return this.#insert(table, touches)
    const key = this.#random.pick(rows)
    touches.add(keyName(table, key))
    if (this.#random.chance(0.25)) {
      this.#rows.delete(keyName(table, key))
      return { kind: 'delete', table: table.name, key }
    }
    return this.#update(table, key, touches)
  }

  #insert(table: SampleTable, touches?: Set<string>): Operation | undefined {
    const row = sampleRow(this.#random, table)
    const key = keyOf(table, row)
    if (this.#rows.has(keyName(table, key))) return undefined
    this.#rows.set(keyName(table, key), { table, key })
    touches?.add(keyName(table, key))
    return { kind: 'insert', table: table.name, row }
  }

  #update(table: SampleTable, key: TextRow, touches: Set<string>): Operation | undefined {
    const others = table.columns.filter((name) => !table.keys.includes(name))
    const changesKey = this.#random.chance(0.08)
    const names = [
      ...this.#random.some(others, 0.4),
      ...(changesKey ? this.#random.some(table.keys, 0.7) : []),
    ]
    if (names.length === 0) names.push(this.#random.pick(others))
    const set = Object.fromEntries(names.map((name) => [name, sampleValue(this.#random, table.name, name)]))
    const operation = { kind: 'update', table: table.name, key, set } as const
    const after = newKey(operation, table.keys)
    const [before, name] = [keyName(table, key), keyName(table, after)]
    if (name === before) return operation
    if (this.#rows.has(name)) return undefined
    this.#rows.delete(before)
    this.#rows.set(name, { table, key: after })
    touches.add(name)
    return operation
  }
}
