import type { Table } from '../postgres/catalog.ts'
import type { TextRow, TextValue } from '../transaction/operation.ts'
import { joinKey } from '../transaction/row-key.ts'
import { type LookStatement, selectCompared, selectExact, selectFailed } from './statements.ts'
import type { CheckFacts, KeyFacts } from './table-facts.ts'

type Tuple = readonly TextValue[]
type Rows = readonly Readonly<Record<string, unknown>>[]

/** A row that a look found. */
export interface Found {
  readonly key: TextRow
  /** What was asked for beside. */
  readonly also: TextRow
}

/** Answers once the looks were run; undefined where nobody answered. */
export type Answer<Result> = () => Result | undefined

/** One statement to run, and where its rows go. */
export interface Look {
  /** The same for looks that one statement can answer together; absent for one that must go alone. */
  readonly name?: string
  readonly tuples: readonly Tuple[]
  readonly statement: (tuples: readonly Tuple[]) => LookStatement
  /** Where its cost grows with the pending rows of a table: that table. */
  readonly comparesAll?: Table
  /** Rows of the statement, in which this look's own tuples stand after `before` others. */
  take(rows: Rows, before: number): void
}

interface Side {
  readonly table: Table
  readonly columns: readonly string[]
}

interface ExactOptions {
  readonly also?: readonly string[]
  readonly limit?: number
}

interface Group {
  readonly tuples: Map<string, Tuple>
  readonly found: Map<string, Found[]>
  readonly failed: Map<number, string>
  /** Statements that have answered, of {@link wanted}. */
  answered: number
  wanted: number
  /** A limit would be shared with others. */
  readonly isAlone: boolean
  toLooks(group: Group): readonly Omit<Look, 'name'>[]
}

/** Values in one statement at most; more go side by side. */
const maximumTuples = 500

/**
 * Gathers what is asked about a transaction's rows into few statements: one for each table and set of columns, however
 * many rows ask.
 */
export class Looks {
  readonly #groups = new Map<string, Group>()

  get isEmpty(): boolean {
    return this.#groups.size === 0
  }

  /** Rows whose columns have these values. */
  exact(
    table: Table,
    columns: readonly string[],
    tuple: Tuple,
    options: ExactOptions = {},
  ): Answer<readonly Found[]> {
    const name = JSON.stringify(['exact', table.name, columns, options.also ?? [], options.limit ?? 0])
    const group = this.#group(
      name,
      (own) => exactLooks(own, { table, columns }, options),
      options.limit !== undefined,
    )
    const at = joinKey(tuple)
    group.tuples.set(at, tuple)
    return () => (isAnswered(group) ? (group.found.get(at) ?? []) : undefined)
  }

  /** Rows that a key binds to these values. */
  compared(
    key: KeyFacts | undefined,
    source: Side,
    target: Side,
    tuple: Tuple,
    also: readonly string[] = [],
  ): Answer<readonly Found[]> {
    const how = key ?? { nullsNotDistinct: false }
    const name = JSON.stringify([
      'compared',
      key?.name,
      source.table.name,
      source.columns,
      target.table.name,
      target.columns,
      also,
    ])
    const group = this.#group(name, (own) => comparedLooks(own, how, source, target, also))
    const at = String(group.tuples.size + 1)
    group.tuples.set(at, tuple)
    return () => (isAnswered(group) ? (group.found.get(at) ?? []) : undefined)
  }

  /** The first of these checks that a row fails; null where it fails none. */
  failed(table: Table, checks: readonly CheckFacts[], row: TextRow): Answer<string | null> {
    const columns = [...new Set(checks.flatMap((check) => check.columns))]
    const name = JSON.stringify(['failed', table.name, checks.map(({ name: check, sql }) => [check, sql])])
    const group = this.#group(name, (own) => failedLooks(own, table, checks, columns))
    const number = group.tuples.size + 1
    group.tuples.set(
      String(number),
      columns.map((column) => row[column] ?? null),
    )
    return () => (isAnswered(group) ? (group.failed.get(number) ?? null) : undefined)
  }

  all(): readonly Look[] {
    return [...this.#groups].flatMap(([name, group]) => {
      const looks = group.toLooks(group)
      group.wanted = looks.length
      return group.isAlone ? looks : looks.map((look) => ({ ...look, name }))
    })
  }

  #group(name: string, toLooks: Group['toLooks'], isAlone = false): Group {
    const known = this.#groups.get(name)
    if (known) return known
    const group: Group = {
      tuples: new Map(),
      found: new Map(),
      failed: new Map(),
      answered: 0,
      wanted: 1,
      isAlone,
      toLooks,
    }
    this.#groups.set(name, group)
    return group
  }
}

const isAnswered = ({ answered, wanted }: Group): boolean => answered === wanted

function pieces<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  const found: (readonly Item[])[] = []
  for (let from = 0; from < items.length; from += maximumTuples)
    found.push(items.slice(from, from + maximumTuples))
  return found
}

function exactLooks(
  group: Group,
  { table, columns }: Side,
  options: ExactOptions,
): ReturnType<Group['toLooks']> {
  return pieces([...group.tuples.values()]).map((tuples) => ({
    tuples,
    statement: (asked) => selectExact(table, columns, asked, options),
    take: (rows) => {
      group.answered++
      for (const row of rows) {
        const at = joinKey(columns.map((_, index) => textIn(row, `c${index + 1}`)))
        note(group, at, { key: keyIn(table, row), also: alsoIn(row, options.also ?? []) })
      }
    },
  }))
}

function comparedLooks(
  group: Group,
  key: Pick<KeyFacts, 'match' | 'nullsNotDistinct'>,
  source: Side,
  target: Side,
  also: readonly string[],
): ReturnType<Group['toLooks']> {
  return pieces([...group.tuples.values()]).map((tuples, piece) => ({
    tuples,
    statement: (asked) => selectCompared(key, source, target, asked, also),
    comparesAll: target.table,
    take: (rows, before) => {
      group.answered++
      for (const row of rows) {
        const own = Number(row.n) - before
        if (own < 1 || own > tuples.length) continue
        note(group, String(piece * maximumTuples + own), {
          key: keyIn(target.table, row),
          also: alsoIn(row, also),
        })
      }
    },
  }))
}

function failedLooks(
  group: Group,
  table: Table,
  checks: readonly CheckFacts[],
  columns: readonly string[],
): ReturnType<Group['toLooks']> {
  return pieces([...group.tuples.values()]).map((tuples, piece) => ({
    tuples,
    statement: (asked) => selectFailed(table, checks, columns, asked),
    take: (rows, before) => {
      group.answered++
      for (const row of rows) {
        const own = Number(row.n) - before
        if (own >= 1 && own <= tuples.length)
          group.failed.set(piece * maximumTuples + own, String(row.failed))
      }
    },
  }))
}

function note(group: Group, at: string, found: Found): void {
  const others = group.found.get(at)
  if (others) others.push(found)
  else group.found.set(at, [found])
}

function textIn(row: Readonly<Record<string, unknown>>, name: string): TextValue {
  const value = row[name]
  return value === null || value === undefined ? null : String(value)
}

function alsoIn(row: Readonly<Record<string, unknown>>, names: readonly string[]): TextRow {
  return Object.fromEntries(names.map((name, index) => [name, textIn(row, `x${index + 1}`)]))
}

function keyIn(table: Table, row: Readonly<Record<string, unknown>>): TextRow {
  return Object.fromEntries(table.primaryKey.map((name, index) => [name, textIn(row, `k${index + 1}`)]))
}
