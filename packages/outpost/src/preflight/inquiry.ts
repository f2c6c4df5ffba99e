import type { ForeignKey, Table, TableName } from '../postgres/catalog.ts'
import type { TextRow, TextValue } from '../transaction/operation.ts'
import { hasKeyText, joinKey, keyValues, rowKey } from '../transaction/row-key.ts'
import type { FinalRow } from './final-rows.ts'
import { type Answer, type Found, Looks } from './looks.ts'
import {
  type CheckFacts,
  columnOf,
  type IncomingFacts,
  type KeyFacts,
  type ReferenceFacts,
} from './table-facts.ts'

/** A constraint that a transaction breaks. */
export interface Finding {
  readonly kind: 'check' | 'unique' | 'reference_missing' | 'reference_in_use'
  readonly table: TableName
  readonly constraint: string
  readonly columns: readonly string[]
  /** Of these columns, in the row that is refused. */
  readonly values: readonly TextValue[]
  /** The table where a row is, or is missing. */
  readonly otherTable: TableName
  /** The row that stands in the way. */
  readonly conflict?: { readonly key: TextRow; readonly isOwn: boolean }
}

export interface InquiryOptions {
  readonly rows: readonly FinalRow[]
  /** Ids that were made at the edge: nobody else has them. */
  readonly madeIds: ReadonlySet<string>
  /** A row that was seen not long ago. */
  readonly isKnown: (reference: ReferenceFacts, tuple: readonly TextValue[]) => boolean
  readonly onSeen: (reference: ReferenceFacts, tuple: readonly TextValue[]) => void
  /** Columns of before, by row; see `missingColumns`. */
  readonly current: ReadonlyMap<FinalRow, TextRow>
}

interface LeftKeys {
  readonly texts: ReadonlySet<string>
  /** Of some rows not all columns are known. */
  readonly isPartial: boolean
}

type Judgement = () => Finding | undefined

/** Rows of incoming references that are looked at: more say nothing else. */
const maximumIncoming = 100

/**
 * What has to be looked up to judge a transaction's rows, and the judgement once that was done. What cannot be known
 * is not judged: main decides it.
 */
export class Inquiry {
  readonly looks = new Looks()
  readonly #options: InquiryOptions
  readonly #judgements: Judgement[] = []
  /** Own rows by their key of before. */
  readonly #byOrigin = new Map<string, FinalRow>()
  readonly #byTable = new Map<TableName, FinalRow[]>()
  /** Tables of which a row is touched that one read could be without showing it. */
  readonly #untold = new Set<TableName>()
  readonly #leftKeys = new Map<string, LeftKeys>()
  readonly #ownKeys = new Set<string>()
  readonly #ownFindings: Finding[] = []

  constructor(options: InquiryOptions) {
    this.#options = options
    for (const row of options.rows) this.#index(row)
    for (const row of options.rows) if (!row.facts.isOpaque) this.#ask(row)
  }

  /** What is broken whatever a database says. */
  get ownFindings(): readonly Finding[] {
    return this.#ownFindings
  }

  /** After the looks were run. What nobody answered is not judged. */
  findings(): readonly Finding[] {
    return [...this.#ownFindings, ...this.#judgements.flatMap((judge) => judge() ?? [])]
  }

  #index(row: FinalRow): void {
    const { table } = row.facts
    const rows = this.#byTable.get(table.name) ?? []
    rows.push(row)
    this.#byTable.set(table.name, rows)
    const origin = row.origin && rowKey(table, row.origin)
    if (origin !== undefined) this.#byOrigin.set(origin, row)
    if (row.origin !== undefined && !row.facts.isNamed) this.#untold.add(table.name)
  }

  #ask(row: FinalRow): void {
    const { facts } = row
    if (!row.isDeleted) this.#askChecks(row)
    // Which of its rows are one, only PostgreSQL can tell.
    if (!facts.isComparable && this.#options.rows.length > 1) return
    const { table } = facts
    if (row.isDoubled) this.#doubled(row, table.primaryKeyName ?? 'primary key', table.primaryKey)
    if (!row.isDeleted) {
      for (const key of facts.keys) this.#askKey(row, key)
      for (const reference of facts.references) this.#askReference(row, reference)
    }
    if (row.origin) for (const incoming of facts.incoming) this.#askIncoming(row, incoming)
  }

  #after(row: FinalRow): TextRow {
    const before = this.#options.current.get(row)
    return before ? { ...before, ...row.image } : row.image
  }

  #askChecks(row: FinalRow): void {
    const { table, checks } = row.facts
    const image = this.#after(row)
    const asked = checks.filter(
      ({ columns }) =>
        columns.some((name) => row.changed.has(name)) && columns.every((name) => Object.hasOwn(image, name)),
    )
    const finding = ({ name, columns }: CheckFacts): Finding => ({
      ...this.#about(row, name, columns),
      kind: 'check',
      otherTable: table.name,
    })
    const broken = asked.find(({ judge }) => judge?.(image) === false)
    if (broken) this.#ownFindings.push(finding(broken))
    const left = broken ? [] : asked.filter(({ judge }) => judge === undefined)
    if (left.length === 0) return
    const failed = this.looks.failed(table, left, image)
    this.#judgements.push(() => {
      const name = failed()
      const check = name && left.find((candidate) => candidate.name === name)
      return check ? finding(check) : undefined
    })
  }

  #askKey(row: FinalRow, key: KeyFacts): void {
    const { table } = row.facts
    const tuple = this.#tuple(row, key.columns)
    if (!tuple) return
    const hasNull = tuple.includes(null)
    if (hasNull && !key.nullsNotDistinct && !key.match) return
    this.#judgeOwnKey(row, key)
    const isMade = tuple.some((value) => value !== null && this.#options.madeIds.has(value))
    if (isMade || !this.#canTellOwn(table)) return
    const side = { table, columns: key.columns }
    const found =
      key.isExact && !hasNull
        ? this.looks.exact(table, key.columns, tuple)
        : this.looks.compared(key, side, side, tuple)
    this.#judgements.push(() => {
      const conflict = found()?.find((other) => this.#standsInTheWay(row, key, other))
      if (!conflict) return undefined
      return {
        ...this.#about(row, key.name, key.columns),
        kind: 'unique',
        otherTable: table.name,
        conflict: { key: conflict.key, isOwn: false },
      }
    })
  }

  /** Two rows of the transaction itself with one value. */
  #judgeOwnKey(row: FinalRow, key: KeyFacts): void {
    const { table } = row.facts
    if (key.match || !key.columns.every((name) => hasKeyText(columnOf(table, name).type))) return
    const values = keyValues(table, key.columns, this.#after(row))
    const text = values && `${table.name} ${key.name} ${joinKey(values)}`
    if (text === undefined) return
    if (this.#ownKeys.has(text)) this.#doubled(row, key.name, key.columns)
    this.#ownKeys.add(text)
  }

  #doubled(row: FinalRow, constraint: string, columns: readonly string[]): void {
    const { name } = row.facts.table
    const conflict = { key: {}, isOwn: true }
    this.#ownFindings.push({
      ...this.#about(row, constraint, columns),
      kind: 'unique',
      otherTable: name,
      conflict,
    })
  }

  #standsInTheWay(row: FinalRow, key: KeyFacts, other: Found): boolean {
    const own = this.#ownRow(row.facts.table, other.key)
    if (!own) return true
    if (own === row || own.isDeleted || own.isNew) return false
    const { match } = key
    return match ? own.changed.size === 0 : !key.columns.some((name) => own.changed.has(name))
  }

  #askReference(row: FinalRow, reference: ReferenceFacts): void {
    const { key, target, isExact, isComparable } = reference
    const { table } = row.facts
    const tuple = this.#tuple(row, key.columns)
    if (!tuple) return
    if (tuple.includes(null)) {
      if (key.isMatchFull && tuple.some((value) => value !== null))
        this.#ownFindings.push(this.#missing(row, key))
      return
    }
    const own = this.#byTable.get(target.name) ?? []
    if (own.length > 0 && !(isComparable && this.#canTellOwn(target))) return
    const text = joinKey(keyValues(table, key.columns, this.#after(row)) ?? tuple)
    if (this.#keysLeft(target, key.referencedColumns).texts.has(text)) return
    if (own.length === 0 && this.#options.isKnown(reference, tuple)) return
    const found = isExact
      ? this.looks.exact(target, key.referencedColumns, tuple)
      : this.looks.compared(
          undefined,
          { table, columns: key.columns },
          { table: target, columns: key.referencedColumns },
          tuple,
        )
    this.#judgements.push(() => this.#judgeReference(row, reference, tuple, found))
  }

  #judgeReference(
    row: FinalRow,
    reference: ReferenceFacts,
    tuple: readonly TextValue[],
    answer: Answer<readonly Found[]>,
  ): Finding | undefined {
    const { key, target } = reference
    const found = answer()
    if (!found) return undefined
    const stays = found.some((other) => {
      const own = this.#ownRow(target, other.key)
      return (
        !own || !(own.isDeleted || own.isNew || key.referencedColumns.some((name) => own.changed.has(name)))
      )
    })
    if (!stays) return this.#missing(row, key, target)
    this.#options.onSeen(reference, tuple)
    return undefined
  }

  #missing(row: FinalRow, key: ForeignKey, target?: Table): Finding {
    return {
      ...this.#about(row, key.name, key.columns),
      kind: 'reference_missing',
      otherTable: target?.name ?? key.references,
    }
  }

  #askIncoming(row: FinalRow, { key, from }: IncomingFacts): void {
    const { table } = row.facts
    const isTouched =
      row.isDeleted || row.isNew || key.referencedColumns.some((name) => row.changed.has(name))
    if (!isTouched || !this.#canTellOwn(from)) return
    const before = { ...this.#options.current.get(row), ...row.origin }
    if (!key.referencedColumns.every((name) => Object.hasOwn(before, name))) return
    const tuple = key.referencedColumns.map((name) => before[name] ?? null)
    if (tuple.includes(null)) return
    const text = joinKey(tuple)
    const left = this.#keysLeft(table, key.referencedColumns)
    if (left.isPartial || left.texts.has(text)) return
    const found = this.looks.exact(from, key.columns, tuple, { limit: maximumIncoming })
    this.#judgements.push(() => {
      const conflict = found()?.find((other) => {
        const own = this.#ownRow(from, other.key)
        return !own || !(own.isDeleted || own.isNew || key.columns.some((name) => own.changed.has(name)))
      })
      if (!conflict) return undefined
      return {
        kind: 'reference_in_use',
        table: table.name,
        constraint: key.name,
        columns: key.referencedColumns,
        values: tuple,
        otherTable: from.name,
        conflict: { key: conflict.key, isOwn: false },
      }
    })
  }

  /** Values of the columns after the transaction; undefined where it touches none of them, or one is not known. */
  #tuple(row: FinalRow, columns: readonly string[]): readonly TextValue[] | undefined {
    const image = this.#after(row)
    if (!columns.some((name) => row.changed.has(name))) return undefined
    if (!columns.every((name) => Object.hasOwn(image, name))) return undefined
    return columns.map((name) => image[name] ?? null)
  }

  /** The values of these columns in the rows that the transaction leaves, gathered once. */
  #keysLeft(table: Table, columns: readonly string[]): LeftKeys {
    const name = JSON.stringify([table.name, columns])
    const known = this.#leftKeys.get(name)
    if (known) return known
    const left = (this.#byTable.get(table.name) ?? [])
      .filter(({ isDeleted }) => !isDeleted)
      .map((row) => keyValues(table, columns, this.#after(row)))
    const texts = new Set(left.flatMap((values) => (values ? [joinKey(values)] : [])))
    const found = { texts, isPartial: left.includes(undefined) }
    this.#leftKeys.set(name, found)
    return found
  }

  /** Whether a row that was read can be told from those that the transaction touches. */
  #canTellOwn(table: Table): boolean {
    return !this.#untold.has(table.name)
  }

  #ownRow(table: Table, key: TextRow): FinalRow | undefined {
    const at = rowKey(table, key)
    return at === undefined ? undefined : this.#byOrigin.get(at)
  }

  #about(row: FinalRow, constraint: string, columns: readonly string[]) {
    const image = this.#after(row)
    const values = columns.map((name) => image[name] ?? null)
    return { table: row.facts.table.name, constraint, columns, values }
  }
}
