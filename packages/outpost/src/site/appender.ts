import { isOutpostError, OutpostError } from '../errors/outpost-error.ts'
import type { Journal } from '../journal/journal.ts'
import type { Overlay } from '../overlay/overlay.ts'
import type { Catalog } from '../postgres/catalog.ts'
import type { Preflight } from '../preflight/preflight.ts'
import type { TransactionBuilder } from '../transaction/builder.ts'
import type { DependencyIndex } from '../transaction/dependency-index.ts'
import type { Operation, TextRow } from '../transaction/operation.ts'
import { isPending, type TransactionState } from '../transaction/state.ts'
import type {
  Idempotency,
  Seq,
  StoredAnswer,
  TransactionDraft,
  TransactionId,
  TransactionRecord,
} from '../transaction/transaction.ts'
import type { KeptClock } from './kept-clock.ts'
import { KeyLocks } from './key-locks.ts'
import type { SeenRows } from './seen-rows.ts'
import type { AppendOptions } from './site-api.ts'

const lockTimeoutMs = 10_000
/** Of a decision that other processes overtake. */
const maximumAttempts = 5
/** Checks of one write that others may overtake. */
const maxTries = 50

type Built = ReturnType<TransactionBuilder['build']>

export interface AppenderOptions {
  readonly journal: Journal
  readonly overlay: Overlay
  readonly dependencies: DependencyIndex
  readonly catalog: () => Catalog
  /** What stands in the order for a transaction that was decided on (N3). */
  readonly standIn: (seq: Seq) => Seq
  /** Undefined where constraints are left to main. */
  readonly preflight?: Preflight
  readonly keptClock: Pick<KeptClock, 'stampFor'>
  readonly seenRows: Pick<SeenRows, 'complete'>
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
    const { madeIds } = transaction
    return await this.#locks.run(keys, lockTimeoutMs, () => this.#untilStored(built, madeIds, options))
  }

  /** Across processes the section is critical by looking back: whoever was overtaken checks again (N22). */
  async #untilStored(built: Built, madeIds: ReadonlySet<string>, options: AppendOptions): Promise<Appended> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#checkAndAppend(built, madeIds, options)
      } catch (error) {
        if (!isOutpostError(error, 'journal_overtaken')) throw error
        if (tries === maxTries) throw overtakenTooOften(error)
        await this.#options.journal.catchUp()
      }
    }
  }

  async #checkAndAppend(
    built: Built,
    madeIds: ReadonlySet<string>,
    options: AppendOptions,
  ): Promise<Appended> {
    const checkedThrough = this.#options.journal.lastSeq
    const replayed = await this.#answered(options)
    if (replayed) return replayed
    const completing = this.#options.seenRows.complete(built)
    const verdict = await this.#check(built, madeIds, options)
    if (typeof verdict !== 'string') return verdict
    const answer = options.answer?.({ id: built.id })
    const { isCritical = false } = options
    const record = await this.#options.journal.append(
      {
        ...built,
        ...(await completing),
        flags: verdict === 'shape_only' ? [...built.flags, 'shape_only'] : built.flags,
        dependsOn: this.#dependsOn(built),
        ...this.#options.keptClock.stampFor(built.operations),
        ...(options.idempotency && { idempotency: options.idempotency }),
        ...(answer && { answer }),
        ...(options.actor && { actor: options.actor }),
      },
      { checkedThrough, isCritical },
    )
    return { transactionId: record.id, seq: record.seq, answer, isReplayed: false }
  }

  /** The verdict or, where another process has answered the same request since it was looked up, that answer. */
  async #check(
    built: Built,
    madeIds: ReadonlySet<string>,
    options: AppendOptions,
  ): Promise<'checked' | 'shape_only' | Appended> {
    try {
      await this.refuseKnownKeys(built.operations)
      const judging = this.#preflight(built, madeIds, options)
      // What the application finds is told first.
      judging.catch(() => undefined)
      const own = options.check ? await options.check() : 'checked'
      const judged = await judging
      return own === 'checked' ? judged : own
    } catch (error) {
      const answered = this.#options.journal.sharing && (await this.#answered(options))
      if (answered) return answered
      throw error
    }
  }

  async #preflight(
    built: Built,
    madeIds: ReadonlySet<string>,
    options: AppendOptions,
  ): Promise<'checked' | 'shape_only'> {
    const { preflight, journal } = this.#options
    if (!preflight || options.preflight === false) return 'checked'
    const hasHeld = () =>
      (['rejected', 'parked'] as const).some((state) => journal.seqsIn(state, { limit: 1 }).length > 0)
    const waitsForHeld = () => {
      if (built.flags.includes('common_lane') && hasHeld()) return true
      return this.#dependsOn(built).some((seq) => isHeld(journal.status(seq).state))
    }
    return await preflight.check({ operations: built.operations, madeIds, waitsForHeld })
  }

  /**
   * Records what an operator decides (N3), in one critical section with all other decisions and with the writes of the
   * same keys. `draft` looks and may refuse. Errors: those of `draft`, `idempotency_conflict`, `journal_*`.
   */
  async decide(
    keys: readonly string[],
    idempotency: Idempotency | undefined,
    draft: () => Promise<TransactionDraft>,
  ): Promise<Appended> {
    const scoped = idempotency ? [`idempotency|${idempotency.scope}|${idempotency.key}`] : []
    return await this.#locks.run(['decision', ...keys, ...scoped], lockTimeoutMs, async () => {
      const before = await this.#answered(idempotency ? { idempotency } : {})
      if (before) return before
      const record = await this.#appendDecision(draft)
      return { transactionId: record.id, seq: record.seq, answer: record.answer, isReplayed: false }
    })
  }

  /** Looks again where another process on the same journal was faster: then somebody else may have decided. */
  async #appendDecision(draft: () => Promise<TransactionDraft>): Promise<TransactionRecord> {
    const { journal } = this.#options
    for (let attempt = 1; ; attempt++) {
      await journal.catchUp()
      const checkedThrough = journal.lastSeq
      try {
        return await journal.append(await draft(), { checkedThrough, isCritical: true })
      } catch (error) {
        if (!isOutpostError(error, 'journal_overtaken') || attempt === maximumAttempts) throw error
      }
    }
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

  /**
   * A client's own id that this site has already acknowledged: the second insert could only become a dead letter.
   * `isReplaced` tells, by the transactions that touch such a row, oldest first, where it is to be made again.
   */
  async refuseKnownKeys(
    operations: readonly Operation[],
    isReplaced: (seqs: readonly Seq[]) => boolean = () => false,
  ): Promise<void> {
    const { catalog, overlay } = this.#options
    for (const operation of operations) {
      if (operation.kind !== 'insert' || overlay.pendingRows(operation.table) === 0) continue
      const key = keyOf(operation.row, catalog().tables.get(operation.table)?.primaryKey ?? [])
      if (!key || overlay.stateOf(operation.table, key) === 'replicated') continue
      const pending = await overlay.row(operation.table, key)
      if (pending?.kind === 'insert' && !isReplaced(pending.seqs)) {
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
    const { journal, dependencies, standIn } = this.#options
    const isSettled = (seq: Seq) => {
      const { state } = journal.status(standIn(seq))
      return !isPending(state) || state === 'applied'
    }
    const found = dependencies.dependsOn(draft, { isSettled })
    return found.length === 0 ? found : [...new Set(found.map(standIn))].sort((a, b) => a - b)
  }
}

/** Main refused it, or it waits for one that main refused. */
export function isHeld(state: TransactionState): boolean {
  return state === 'rejected' || state === 'parked'
}

function overtakenTooOften(cause: OutpostError): OutpostError {
  return new OutpostError(
    'wait_timeout',
    `Other processes of the site wrote the same rows ${maxTries} times meanwhile.`,
    {
      hint: 'Send the request again.',
      cause,
    },
  )
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
