import type pg from 'pg'
import { systemClock } from '../clock/clock.ts'
import { isOutpostError, type OutpostError } from '../errors/outpost-error.ts'
import { createOverlay } from '../overlay/create-overlay.ts'
import type { NodeExecutor } from '../overlay/overlay.ts'
import { MemoryJournal } from '../overlay/property/memory-journal.spec-suite.ts'
import { operationSql } from '../overlay/property/sample-world.spec-suite.ts'
import type { Catalog } from '../postgres/catalog.ts'
import type { TransactionBuilder } from '../transaction/builder.ts'
import type { Operation } from '../transaction/operation.ts'
import type { Seq } from '../transaction/transaction.ts'
import { Preflight, type PreflightParts } from './preflight.ts'

/** What main says of a transaction. */
export interface Truth {
  /** Undefined where it accepts. */
  readonly sqlstate: string | undefined
  readonly constraint: string | undefined
}

/** A replica with a backlog over it, and main with the same backlog applied, both real databases. */
export class PreflightStage {
  readonly journal = new MemoryJournal()
  readonly overlay
  readonly statements: string[] = []
  readonly preflight: Preflight
  readonly failures: unknown[] = []
  readonly #base: pg.Client
  readonly #truth: pg.Client
  #last: Promise<unknown> = Promise.resolve()

  constructor(
    base: pg.Client,
    truth: pg.Client,
    catalog: Catalog,
    parts: Partial<Pick<PreflightParts, 'canAskMain' | 'read' | 'budgetMs' | 'trustReferencesMs'>> = {},
  ) {
    this.#base = base
    this.#truth = truth
    this.overlay = createOverlay({ catalog: () => catalog, journal: this.journal, clock: systemClock })
    this.preflight = new Preflight({
      clock: systemClock,
      catalog: () => catalog,
      overlay: this.overlay,
      budgetMs: 10_000,
      read: (sql, values) => this.read(sql, values),
      canAskMain: () => false,
      isHeld: (seq: Seq) => ['rejected', 'parked'].includes(this.journal.status(seq).state),
      onFailed: (error) => this.failures.push(error),
      ...parts,
    })
  }

  /** One after another, since there is one connection. */
  async read(sql: string, values: readonly unknown[]) {
    this.statements.push(sql)
    const coverage = { site: 'observatory' }
    const reading = this.#last.then(() =>
      this.overlay.query(executorOf(this.#base), sql, values, { coverage }),
    )
    this.#last = reading.catch(() => undefined)
    return await reading
  }

  /** A transaction that main and the replica have. */
  async settle(operations: readonly Operation[]): Promise<void> {
    const { sqlstate } = await this.truth(operations, true)
    if (sqlstate !== undefined) return
    await this.#base.query('BEGIN')
    for (const operation of operations) await this.#base.query(operationSql(operation))
    await this.#base.query('COMMIT')
  }

  /** Main takes it, or says why not; with `keeps` it stays there. */
  async truth(operations: readonly Operation[], keeps = false): Promise<Truth> {
    await this.#truth.query('BEGIN')
    try {
      for (const operation of operations) {
        const { rowCount } = await this.#truth.query(operationSql(operation))
        if (rowCount !== 1) throw Object.assign(new Error('no such row'), { code: 'OP003' })
      }
      await this.#truth.query('SET CONSTRAINTS ALL IMMEDIATE')
      await this.#truth.query(keeps ? 'COMMIT' : 'ROLLBACK')
      return { sqlstate: undefined, constraint: undefined }
    } catch (error) {
      await this.#truth.query('ROLLBACK')
      const { code, constraint } = error as pg.DatabaseError
      return { sqlstate: code ?? 'none', constraint }
    }
  }

  /** A transaction that is acknowledged and not on the replica yet; false where main would refuse it. */
  async pend(operations: readonly Operation[]): Promise<boolean> {
    const { sqlstate } = await this.truth(operations, true)
    if (sqlstate !== undefined) return false
    this.overlay.fold([this.journal.add(...operations)])
    return true
  }

  /** What the pre-flight says: its verdict or its refusal. */
  async judge(transaction: TransactionBuilder, waitsForHeld = () => false): Promise<string | OutpostError> {
    const { operations } = transaction.build()
    const { madeIds } = transaction
    try {
      return await this.preflight.check({ operations, madeIds, waitsForHeld })
    } catch (error) {
      if (!isOutpostError(error)) throw error
      return error
    }
  }
}

export function executorOf(client: pg.Client): NodeExecutor {
  return {
    query: async ({ text, values, name, rowMode }) => {
      const config = {
        text,
        values: [...values],
        ...(name !== undefined && { name }),
        ...(rowMode && { rowMode }),
      }
      return await client.query(config as pg.QueryConfig)
    },
  }
}
