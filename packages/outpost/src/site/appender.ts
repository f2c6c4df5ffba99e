import { OutpostError } from '../errors/outpost-error.ts'
import type { Journal } from '../journal/journal.ts'
import type { Overlay } from '../overlay/overlay.ts'
import type { Catalog } from '../postgres/catalog.ts'
import type { TransactionBuilder } from '../transaction/builder.ts'
import type { DependencyIndex } from '../transaction/dependency-index.ts'
import type { Operation, TextRow } from '../transaction/operation.ts'
import { isPending } from '../transaction/state.ts'
import type { Seq, StoredAnswer, TransactionDraft, TransactionId } from '../transaction/transaction.ts'
import { KeyLocks } from './key-locks.ts'
import type { AppendOptions } from './site-api.ts'

const lockTimeoutMs = 10_000

export interface AppenderOptions {
  readonly journal: Journal
  readonly overlay: Overlay
  readonly dependencies: DependencyIndex
  readonly catalog: () => Catalog
}

export interface Appended {
  readonly transactionId: TransactionId
  /** Undefined when the record has been dropped since. */
  readonly seq: Seq | undefined
  readonly answer: StoredAnswer | undefined
  readonly isReplayed: boolean
}

/**
 * The way of a write into the journal: within one critical section per touched key (N22) the Idempotency-Key is
 * looked up, the check runs against everything acknowledged so far, and the transaction is appended durably.
 */
export class Appender {
  readonly #options: AppenderOptions
  readonly #locks = new KeyLocks()

  constructor(options: AppenderOptions) {
    this.#options = options
  }

  /** Errors: those of the builder and the check, `idempotency_conflict`, `already_recorded`, `journal_*`. */
  async append(transaction: TransactionBuilder, options: AppendOptions): Promise<Appended> {
    const built = transaction.build()
    const keys = options.idempotency
      ? [...built.writes, `idempotency|${options.idempotency.scope}|${options.idempotency.key}`]
      : built.writes
    return await this.#locks.run(keys, lockTimeoutMs, async () => {
      const replayed = await this.#answered(options)
      if (replayed) return replayed
      await this.#refuseKnownKeys(built.operations)
      const verdict = options.check ? await options.check() : 'checked'
      const answer = options.answer?.({ id: built.id })
      const draft: TransactionDraft = {
        ...built,
        flags: verdict === 'shape_only' ? [...built.flags, 'shape_only'] : built.flags,
        dependsOn: this.#dependsOn(built),
        ...(options.idempotency && { idempotency: options.idempotency }),
        ...(answer && { answer }),
        ...(options.actor && { actor: options.actor }),
      }
      const { isCritical = false } = options
      const record = await this.#options.journal.append(draft, { isCritical })
      return { transactionId: record.id, seq: record.seq, answer, isReplayed: false }
    })
  }

  async #answered(options: AppendOptions): Promise<Appended | undefined> {
    if (!options.idempotency) return undefined
    const { scope, key, requestDigest } = options.idempotency
    const hit = await this.#options.journal.findIdempotent(scope, key)
    if (!hit) return undefined
    if (hit.requestDigest !== requestDigest) {
      throw new OutpostError(
        'idempotency_conflict',
        `The Idempotency-Key "${key}" was used for another request.`,
      )
    }
    const record = await this.#options.journal.findById(hit.transactionId)
    return { transactionId: hit.transactionId, seq: record?.seq, answer: hit.answer, isReplayed: true }
  }

  /** A client's own id that this site has already acknowledged: the second insert could only become a dead letter. */
  async #refuseKnownKeys(operations: readonly Operation[]): Promise<void> {
    const { catalog, overlay } = this.#options
    for (const operation of operations) {
      if (operation.kind !== 'insert' || overlay.pendingRows(operation.table) === 0) continue
      const key = keyOf(operation.row, catalog().tables.get(operation.table)?.primaryKey ?? [])
      if (!key || overlay.stateOf(operation.table, key) === 'replicated') continue
      if ((await overlay.row(operation.table, key))?.kind === 'insert') {
        throw new OutpostError(
          'already_recorded',
          `${operation.table} already has a row with ${describe(key)}.`,
          {
            details: { table: operation.table, key },
          },
        )
      }
    }
  }

  #dependsOn(draft: Pick<TransactionDraft, 'writes' | 'references'>): readonly Seq[] {
    const { journal, dependencies } = this.#options
    const isSettled = (seq: Seq) => {
      const { state } = journal.status(seq)
      return !isPending(state) || state === 'applied'
    }
    return dependencies.dependsOn(draft, { isSettled })
  }
}

function keyOf(row: TextRow, primaryKey: readonly string[]): TextRow | undefined {
  if (primaryKey.length === 0 || !primaryKey.every((column) => typeof row[column] === 'string'))
    return undefined
  return Object.fromEntries(primaryKey.map((column) => [column, row[column] ?? null]))
}

function describe(key: TextRow): string {
  return Object.entries(key)
    .map(([column, value]) => `${column} = ${value}`)
    .join(', ')
}
