import type { Clock } from '../clock/clock.ts'
import { HybridClock } from '../clock/hybrid-clock.ts'
import type { Journal } from '../journal/journal.ts'
import type { Catalog } from '../postgres/catalog.ts'
import type { Operation } from '../transaction/operation.ts'
import { policyOf } from '../transaction/table-plan.ts'
import type { TransactionDraft, TransactionRecord } from '../transaction/transaction.ts'

const fact = 'hybrid_clock'

export interface KeptClockOptions {
  readonly clock: Clock
  readonly journal: () => Pick<Journal, 'getFact' | 'setFact'>
  readonly catalog: () => Catalog
}

/**
 * The site's hybrid logical clock (E25), which the journal keeps: a pending record has its stamp itself, and before one
 * leaves that state the newest stamp is stored as a fact. So it never goes back, whatever the wall clock does meanwhile.
 */
export class KeptClock {
  readonly #options: KeptClockOptions
  readonly #hybrid: HybridClock
  #stored: string | undefined

  constructor(options: KeptClockOptions) {
    this.#options = options
    this.#hybrid = new HybridClock(options.clock)
  }

  /** To be called once the journal is open. */
  start(): void {
    this.#stored = this.#options.journal().getFact(fact)
    this.#hybrid.observe(this.#stored)
  }

  fold(records: readonly TransactionRecord[]): void {
    for (const { stamp } of records) this.#hybrid.observe(stamp)
  }

  /** A stamp that was seen elsewhere: what is recorded here from now on is later. */
  observe(stamp: string): void {
    this.#hybrid.observe(stamp)
  }

  /** Whether any table is known whose last writer wins: else nobody needs stamps. */
  get isNeeded(): boolean {
    return [...(this.#options.catalog().policies?.values() ?? [])].includes('last_writer')
  }

  /** A stamp for what changes a row of a table whose last writer wins; nothing for all else. */
  stampFor(operations: readonly Operation[]): Pick<TransactionDraft, 'stamp'> {
    return this.isNeeded && operations.some((operation) => this.#isStamped(operation))
      ? { stamp: this.#hybrid.next() }
      : {}
  }

  /** Stores the newest stamp, where it is newer than the stored one. Errors: `journal_*`. */
  async keep(): Promise<void> {
    const { last } = this.#hybrid
    if (last === '0' || last === this.#stored) return
    await this.#options.journal().setFact(fact, last)
    this.#stored = last
  }

  #isStamped({ kind, table }: Operation): boolean {
    const catalog = this.#options.catalog()
    const found = catalog.tables.get(table)
    return kind !== 'insert' && found !== undefined && policyOf(catalog, found) === 'last_writer'
  }
}
