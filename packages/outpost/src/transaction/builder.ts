import { type Clock, systemClock } from '../clock/clock.ts'
import { OutpostError } from '../errors/outpost-error.ts'
import type { Catalog, Table } from '../postgres/catalog.ts'
import { resolveTable } from '../postgres/resolve-table.ts'
import { newestVersion, type SchemaVersion } from '../schema/schema-history.ts'
import {
  completeInsert,
  completeKey,
  completeOld,
  completeSet,
  type FieldProblem,
  type InputRow,
  type Report,
  stepError,
} from './complete-row.ts'
import { conflictSet, type KnownOperation } from './conflict-set.ts'
import { canonicalOperations, sha256Hex } from './digest.ts'
import type { EdgeContext } from './edge-default.ts'
import type { Operation, TextRow } from './operation.ts'
import { type RandomSource, systemRandom } from './random-source.ts'
import { StepRow } from './step-row.ts'
import { policyOf } from './table-plan.ts'
import type { TransactionDraft, TransactionFlag } from './transaction.ts'
import { createUuidV7 } from './uuid-v7.ts'

export interface BuilderOptions {
  readonly clock?: Clock
  readonly random?: RandomSource
  /** Default 10,000. */
  readonly maximumOperations?: number
  /** Of the canonical text of all operations. Default 16 MB. */
  readonly maximumBytes?: number
  /** Numbers for columns that a sequence on main numbers; without it such a column must be supplied. */
  readonly drawKey?: EdgeContext['drawKey']
}

/** What the caller knows of the row before an update or delete: it keeps the transaction out of the common lane (N10). */
export interface StepOptions {
  readonly old?: InputRow
  /**
   * What the client saw in these columns: it travels with the change, and main's conflict policy for the table says what
   * becomes of it where main has something else by then. Kept also where the table has none.
   */
  readonly seen?: InputRow
}

/** A built transaction: a {@link TransactionDraft} but for what the site adds. */
export type BuiltTransaction = Pick<
  TransactionDraft,
  'id' | 'operations' | 'digest' | 'writes' | 'references' | 'catalogVersion' | 'schemaVersion' | 'flags'
>

export const defaultMaximumOperations = 10_000
export const defaultMaximumBytes = 16 * 1024 * 1024

/** One generator for each clock and randomness: ids rise among all builders that share them, not only within one. */
const generators = new WeakMap<Clock, WeakMap<RandomSource, () => string>>()

/**
 * One client request's writes, step by step. Each step is checked and completed at once, without any database: what
 * main would fill in (defaults, ids, the time, one for the whole transaction) is filled in here.
 *
 * ```ts
 * const unit = tx.insert('executed_obs_unit', { obs_unit_id: 7 })
 * tx.insert('raw_data_file', { executed_obs_unit_id: unit, name: 'a.fits' })
 * ```
 *
 * Errors of a step list every problem in `details.errors` and leave the transaction as it was: `unknown_table`,
 * `unknown_column`, `invalid_value`, `missing_value`, `missing_key`, `keys_unavailable`, `transaction_too_large`.
 */
export class TransactionBuilder {
  readonly id: string
  /** The instant that `now()` means in this transaction, milliseconds since 1970. */
  readonly nowMs: number
  readonly #catalog: Catalog
  readonly #context: EdgeContext
  readonly #steps: KnownOperation[] = []
  readonly #madeIds = new Set<string>()
  readonly #maximumOperations: number
  readonly #maximumBytes: number
  #characters = 0

  constructor(catalog: Catalog, options: BuilderOptions = {}) {
    const clock = options.clock ?? systemClock
    const random = options.random ?? systemRandom
    this.#catalog = catalog
    this.#maximumOperations = options.maximumOperations ?? defaultMaximumOperations
    this.#maximumBytes = options.maximumBytes ?? defaultMaximumBytes
    this.nowMs = clock.nowMs()
    this.#context = {
      nowMs: this.nowMs,
      random,
      uuidV7: generatorFor(clock, random),
      ...(options.drawKey && { drawKey: options.drawKey }),
    }
    this.id = this.#context.uuidV7()
  }

  get size(): number {
    return this.#steps.length
  }

  /** UUIDs that were made here for columns nobody supplied: no other row has them. */
  get madeIds(): ReadonlySet<string> {
    return this.#madeIds
  }

  /** Adds a row. The answer may stand for a value in later steps. */
  insert(table: string, values: InputRow): StepRow {
    return this.insertMany(table, [values])[0]!
  }

  /** Adds rows, all or none; problems carry the index of their row. */
  insertMany(table: string, rows: readonly InputRow[]): readonly StepRow[] {
    const target = this.#writable(table)
    this.#checkCount(rows.length)
    const problems: FieldProblem[] = []
    const completed = rows.map((values, index) =>
      completeInsert(target, values, this.#context, (problem) => {
        problems.push(rows.length === 1 ? problem : { ...problem, row: index })
      }),
    )
    if (problems.length > 0) throw stepError(`Insert into ${target.name}`, problems)
    return completed.map((row, index) => {
      this.#noteMade(target, rows[index]!, row)
      this.#add({ operation: { kind: 'insert', table: target.name, row } })
      return new StepRow(target, keyOf(target, row), row)
    })
  }

  /** Changes columns of the row with this primary key. A key column in `set` moves the row. */
  update(table: string, key: InputRow | StepRow, set: InputRow, options: StepOptions = {}): StepRow {
    const target = this.#writable(table)
    this.#checkCount(1)
    const problems: FieldProblem[] = []
    const report = (problem: FieldProblem): void => void problems.push(problem)
    const keyRow = completeKey(target, key, report)
    const setRow = completeSet(target, set, report)
    const old = options.old === undefined ? undefined : completeOld(target, options.old, report)
    const seen = this.#seen(target, options, report)
    if (problems.length > 0) throw stepError(`Update of ${target.name}`, problems)
    this.#add({
      operation: { kind: 'update', table: target.name, key: keyRow, set: setRow, ...seen },
      ...(old === undefined ? {} : { old }),
    })
    const known = { ...(key instanceof StepRow ? key.row : undefined), ...keyRow, ...setRow }
    return new StepRow(target, keyOf(target, known), known)
  }

  /** Removes the row with this primary key. */
  delete(table: string, key: InputRow | StepRow, options: StepOptions = {}): void {
    const target = this.#writable(table)
    this.#checkCount(1)
    const problems: FieldProblem[] = []
    const report = (problem: FieldProblem): void => void problems.push(problem)
    const keyRow = completeKey(target, key, report)
    const old = options.old === undefined ? undefined : completeOld(target, options.old, report)
    const seen = this.#seen(target, options, report)
    if (problems.length > 0) throw stepError(`Delete from ${target.name}`, problems)
    this.#add({
      operation: { kind: 'delete', table: target.name, key: keyRow, ...seen },
      ...(old === undefined ? {} : { old }),
    })
  }

  /** The finished transaction. Errors: `transaction_empty`, `transaction_too_large`. */
  build(): BuiltTransaction {
    if (this.#steps.length === 0)
      throw new OutpostError('transaction_empty', 'The transaction has no operations.')
    const operations: readonly Operation[] = this.#steps.map((step) => step.operation)
    const canonical = canonicalOperations(operations)
    this.#checkBytes(Buffer.byteLength(canonical))
    const { writes, references, isCommonLane } = conflictSet(this.#catalog, this.#steps)
    const flags: readonly TransactionFlag[] = isCommonLane ? ['common_lane'] : []
    const digest = sha256Hex(canonical)
    return {
      id: this.id,
      operations,
      digest,
      writes,
      references,
      catalogVersion: this.#catalog.version,
      ...madeUnder(this.#catalog),
      flags,
    }
  }

  /** Refuses what main's policy would refuse whatever main has. */
  #seen(table: Table, { seen }: StepOptions, report: Report): { readonly seen?: TextRow } {
    const policy = policyOf(this.#catalog, table)
    if (policy === 'append_only') throw appendOnly(table)
    const row = seen === undefined ? {} : completeOld(table, seen, report)
    const isTold = Object.keys(row).length > 0
    if (policy === 'compare_and_set' && Object.keys(seen ?? {}).length === 0) throw unseen(table)
    return isTold ? { seen: row } : {}
  }

  #noteMade(table: Table, supplied: InputRow, row: TextRow): void {
    for (const name of table.primaryKey) {
      const value = row[name]
      const isMade = supplied[name] === undefined && isMadeId(table, name)
      if (isMade && typeof value === 'string') this.#madeIds.add(value)
    }
  }

  #add(step: KnownOperation): void {
    const { operation } = step
    for (const row of rowsOf(operation)) {
      for (const name in row) this.#characters += name.length + (row[name]?.length ?? 4)
    }
    this.#checkBytes(this.#characters)
    this.#steps.push(step)
  }

  /** A table that a site can record to: a real one, with a primary key to name its rows by. */
  #writable(name: string): Table {
    const table = resolveTable(this.#catalog, name)
    if (table.kind === 'foreign') throw unwritable(table, 'is a foreign table')
    if (table.primaryKey.length === 0) throw unwritable(table, 'has no primary key')
    return table
  }

  #checkCount(more: number): void {
    if (this.#steps.length + more <= this.#maximumOperations) return
    const count = this.#steps.length + more
    throw new OutpostError(
      'transaction_too_large',
      `The transaction has ${count} operations; the limit is ${this.#maximumOperations}.`,
    )
  }

  #checkBytes(bytes: number): void {
    if (bytes <= this.#maximumBytes) return
    throw new OutpostError(
      'transaction_too_large',
      `The transaction is ${bytes} bytes long; the limit is ${this.#maximumBytes}.`,
    )
  }
}

/** The schema version, where the catalog tells it. */
function madeUnder({ history }: Catalog): { readonly schemaVersion?: SchemaVersion } {
  return history === undefined ? {} : { schemaVersion: newestVersion(history) }
}

/** A default that is a function's is another each time. */
function isMadeId(table: Table, name: string): boolean {
  const column = table.columns.find((candidate) => candidate.name === name)
  return column?.type.base === 'uuid' && /[(]/.test(column.defaultSql ?? '(')
}

function rowsOf(operation: Operation): readonly TextRow[] {
  if (operation.kind === 'insert') return [operation.row]
  const { key, seen } = operation
  const rows = operation.kind === 'update' ? [key, operation.set] : [key]
  return seen === undefined ? rows : [...rows, seen]
}

function keyOf(table: Table, row: TextRow): TextRow {
  const key: Record<string, string | null> = {}
  for (const name of table.primaryKey) key[name] = row[name] ?? null
  return key
}

function unwritable(table: Table, reason: string): OutpostError {
  return new OutpostError('unknown_table', `${table.name} ${reason}: it cannot be recorded to.`, {
    hint: 'Record to an ordinary or partitioned table with a primary key.',
  })
}

function appendOnly(table: Table): OutpostError {
  return new OutpostError('append_only', `${table.name} takes new rows only.`, {
    details: { table: table.name },
  })
}

function unseen(table: Table): OutpostError {
  return new OutpostError('missing_value', `A change of ${table.name} must say what its client saw.`, {
    hint: 'Give the columns that the decision rests on as `seen`: main compares them before it changes the row.',
    details: { table: table.name },
  })
}

function generatorFor(clock: Clock, random: RandomSource): () => string {
  const ofClock = generators.get(clock) ?? new WeakMap<RandomSource, () => string>()
  const next = ofClock.get(random) ?? createUuidV7(clock, random)
  generators.set(clock, ofClock.set(random, next))
  return next
}
