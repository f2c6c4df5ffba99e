import type { Clock } from '../clock/clock.ts'
import type { Overlay } from '../overlay/overlay.ts'
import type { Catalog, Table } from '../postgres/catalog.ts'
import type { Operation, TextRow, TextValue } from '../transaction/operation.ts'
import { joinKey } from '../transaction/row-key.ts'
import type { Seq } from '../transaction/transaction.ts'
import { type FinalRow, finalRows, missingColumns } from './final-rows.ts'
import { type Finding, Inquiry } from './inquiry.ts'
import { LookRunner } from './look-runner.ts'
import { Looks } from './looks.ts'
import { refusalOf } from './refusal.ts'
import { SeenReferences } from './seen-references.ts'
import type { LookStatement } from './statements.ts'
import { type ReferenceFacts, tableFacts, triggeredTables } from './table-facts.ts'

export interface PreflightOptions {
  /** How long all look-ups of a transaction may take together. Default 50. */
  readonly budgetMs?: number
  /**
   * How long a referenced row that was seen counts as there, without another look: for an application that never
   * deletes such rows. Default 0: each write looks.
   */
  readonly trustReferencesMs?: number
  /** Told why something could not be looked up; the write is accepted all the same. */
  readonly onFailed?: (error: unknown) => void
}

type Rows = readonly Readonly<Record<string, unknown>>[]

export interface PreflightParts extends PreflightOptions {
  readonly clock: Clock
  readonly catalog: () => Catalog
  readonly overlay: Pick<Overlay, 'pendingRows' | 'hasRemovals' | 'row'>
  readonly read: (
    sql: string,
    values: readonly unknown[],
    options: { readonly node: 'replica' | 'main'; readonly timeoutMs: number },
  ) => Promise<{ readonly rows: Rows }>
  /** Whether a refusal by the replica's word can be confirmed on main: it is another node, and answers. */
  readonly canAskMain: () => boolean
  /** Whether main refused the transaction, or holds it back. */
  readonly isHeld: (seq: Seq) => boolean
}

/** A transaction as the pre-flight needs it. */
export interface Outgoing {
  readonly operations: readonly Operation[]
  /** Ids that were made at the edge: nobody else has them. */
  readonly madeIds: ReadonlySet<string>
  /** Whether it would wait for one that main refused: then what it meets is not known. */
  readonly waitsForHeld: () => boolean
}

const defaultBudgetMs = 50
/** A look that its transaction no longer waits for is not broken off at once: that would close its connection. */
const abandonedLookMs = 1_000
/** For confirming a refusal on main. */
const mainBudgetMs = 1_000
/** Pending rows above which what carries all of them is left to main. */
const maximumCompared = 2_000

interface Inquest {
  readonly findings: readonly Finding[]
  /** Everything asked was answered. */
  readonly isComplete: boolean
}

/**
 * Judges a transaction by the constraints of its tables before it is recorded, over the replica with everything pending
 * on top. It refuses only what main would refuse as well as can be known here; what nobody can say in time main
 * decides.
 */
export class Preflight {
  readonly #parts: PreflightParts
  readonly #seen: SeenReferences
  readonly #runners: Readonly<Record<'replica' | 'main', LookRunner>>

  constructor(parts: PreflightParts) {
    this.#parts = parts
    const budgetMs = parts.budgetMs ?? defaultBudgetMs
    this.#runners = { replica: this.#runner('replica', budgetMs), main: this.#runner('main', mainBudgetMs) }
    this.#seen = new SeenReferences(parts.clock, parts.trustReferencesMs ?? 0)
  }

  /**
   * `shape_only` where something could not be looked up in time. Errors: `check_failed`, `already_exists`,
   * `reference_missing`, `reference_in_use`; their details name constraint, columns and the conflicting row.
   */
  async check(outgoing: Outgoing): Promise<'checked' | 'shape_only'> {
    const rows = finalRows(this.#parts.catalog(), outgoing.operations)
    const budgetMs = this.#parts.budgetMs ?? defaultBudgetMs
    const here = await this.#inquire(rows, outgoing, 'replica', budgetMs)
    const refused = await this.#refused(here, rows, outgoing)
    if (!refused) return here.isComplete ? 'checked' : 'shape_only'
    if (refused.kind === 'check' || refused.conflict?.isOwn || !this.#parts.canAskMain())
      throw await this.#refusal(refused, false)
    // A replica runs behind: what it shows may have changed on main, and a write refused for nothing is lost.
    this.#seen.clear()
    const there = await this.#inquire(rows, outgoing, 'main', mainBudgetMs)
    const confirmed = await this.#refused(there, rows, outgoing)
    if (confirmed) throw await this.#refusal(confirmed, true)
    if (!there.isComplete) throw await this.#refusal(refused, false)
    return 'checked'
  }

  async #inquire(
    rows: readonly FinalRow[],
    { madeIds }: Outgoing,
    node: 'replica' | 'main',
    budgetMs: number,
  ): Promise<Inquest> {
    const untilMs = this.#parts.clock.monotonicMs() + budgetMs
    const current = await this.#current(rows, node, untilMs)
    const inquiry = new Inquiry({
      rows,
      madeIds,
      current: current.rows,
      isKnown: (reference, tuple) => node === 'replica' && this.#seen.has(nameOf(reference, tuple)),
      onSeen: (reference, tuple) => this.#seen.add(nameOf(reference, tuple)),
    })
    const isAnswered = await this.#run(inquiry.looks, node, untilMs)
    return { findings: inquiry.findings(), isComplete: current.isComplete && isAnswered }
  }

  /** What the rows held before, in columns that a constraint reads and the transaction does not set. */
  async #current(rows: readonly FinalRow[], node: 'replica' | 'main', untilMs: number) {
    const found = new Map<FinalRow, TextRow>()
    const looks = new Looks()
    const asked = rows.flatMap((row) => {
      const also = missingColumns(row)
      const { table, isNamed } = row.facts
      if (also.length === 0 || !row.origin) return []
      const { origin } = row
      const tuple = table.primaryKey.map((name) => origin[name] ?? null)
      const side = { table, columns: table.primaryKey }
      const answer = isNamed
        ? looks.exact(table, table.primaryKey, tuple, { also })
        : looks.compared(undefined, side, side, tuple, also)
      return [{ row, answer }]
    })
    const isComplete = await this.#run(looks, node, untilMs)
    for (const { row, answer } of asked) {
      const [only] = answer() ?? []
      if (only) found.set(row, only.also)
    }
    return { rows: found, isComplete }
  }

  #runner(node: 'replica' | 'main', patienceMs: number): LookRunner {
    const { clock, read } = this.#parts
    const options = { node, timeoutMs: Math.max(abandonedLookMs, patienceMs) }
    const run = async ({ text, values }: LookStatement) => (await read(text, values, options)).rows
    return new LookRunner({ clock, patienceMs, run })
  }

  /** Side by side, so that all take the time of one; false where one did not answer in time. */
  async #run(looks: Looks, node: 'replica' | 'main', untilMs: number): Promise<boolean> {
    const { clock } = this.#parts
    const all = looks.all()
    if (all.length === 0) return true
    const budgetMs = untilMs - clock.monotonicMs()
    if (budgetMs <= 0) return false
    let isInTime = true
    const running = all.map(async (look) => {
      if (look.comparesAll && this.#isCrowded(look.comparesAll)) return true
      try {
        const answer = await this.#runners[node].answer(look)
        if (answer && isInTime) look.take(answer.rows, answer.before)
        return answer !== undefined
      } catch (error) {
        this.#parts.onFailed?.(error)
        return false
      }
    })
    const answered = await inTime(Promise.all(running), budgetMs)
    isInTime = false
    return answered?.every((isAnswered) => isAnswered) ?? false
  }

  #isCrowded(table: Table): boolean {
    return this.#parts.overlay.pendingRows(table.name) > maximumCompared
  }

  /** The first finding that holds also after what may happen until main sees the transaction. */
  async #refused(
    { findings }: Inquest,
    rows: readonly FinalRow[],
    outgoing: Outgoing,
  ): Promise<Finding | undefined> {
    for (const finding of findings) {
      if (finding.kind === 'check') return finding
      if (!(await this.#isUncertain(finding, rows, outgoing))) return finding
    }
    return undefined
  }

  async #isUncertain(finding: Finding, rows: readonly FinalRow[], outgoing: Outgoing): Promise<boolean> {
    const { catalog, overlay, isHeld } = this.#parts
    const written = new Set(rows.map(({ facts }) => facts.table.name))
    const isWritten = (name: string): boolean => written.has(name) || overlay.pendingRows(name) > 0
    if (triggeredTables(catalog()).some(isWritten)) return true
    const other = tableFacts(catalog(), finding.otherTable)
    const cascades = other?.cascadesFrom ?? []
    if (cascades.some((name) => rows.some((row) => row.facts.table.name === name && isRemoval(row))))
      return true
    if (finding.conflict?.isOwn) return false
    if (cascades.some((name) => overlay.hasRemovals(name)) || outgoing.waitsForHeld()) return true
    // Two texts of one key: what is pending for the row may not be seen.
    if (other && !other.isComparable && isWritten(other.table.name)) return true
    if (!finding.conflict) return false
    const pending = await overlay.row(finding.otherTable, finding.conflict.key)
    return pending?.seqs.some(isHeld) ?? false
  }

  async #refusal(finding: Finding, isConfirmed: boolean) {
    const { conflict, otherTable } = finding
    const pending =
      conflict && !conflict.isOwn ? await this.#parts.overlay.row(otherTable, conflict.key) : undefined
    return refusalOf(finding, pending, isConfirmed)
  }
}

/** Others' rows may go or change with it. */
function isRemoval({ isDeleted, isNew, origin, changed, facts }: FinalRow): boolean {
  if (isDeleted || (isNew && origin !== undefined)) return true
  return !isNew && facts.referenced.some((name) => changed.has(name))
}

function nameOf({ key, target }: ReferenceFacts, tuple: readonly TextValue[]): string {
  return `${target.name} ${key.referencedColumns.join(',')} ${joinKey(tuple)}`
}

async function inTime<Result>(work: Promise<Result>, budgetMs: number): Promise<Result | undefined> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), budgetMs)
  })
  try {
    return await Promise.race([work, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
