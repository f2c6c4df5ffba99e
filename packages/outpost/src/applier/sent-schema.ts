import { OutpostError } from '../errors/outpost-error.ts'
import { type LiftedRecord, liftRecord } from '../schema/lifter.ts'
import { emptyHistory, type SchemaHistory, type SchemaVersion } from '../schema/schema-history.ts'
import type { TransactionRecord } from '../transaction/transaction.ts'

/** The schema that a CALL was made for. */
export interface SchemaRef {
  readonly version: SchemaVersion
  /** Null before the first change. */
  readonly id: string | null
}

/**
 * The form in which transactions are sent. Invariant: main applies what it gets only while its schema is the one that
 * the CALL names; else it answers with its history, and everything is sent again in that form. The journal keeps what
 * was recorded, and so do id and digest: main knows a transaction again whatever the form (N1).
 *
 * Until main has told otherwise the site's own catalog says what main has; it may be behind, or ahead of a main that was
 * replaced by a server without the last migration.
 */
export class SentSchema {
  readonly #own: () => SchemaHistory | undefined
  #told: SchemaHistory | undefined

  constructor(own: () => SchemaHistory | undefined) {
    this.#own = own
  }

  /** Main has another schema than the CALL was made for. */
  told(history: SchemaHistory): void {
    this.#told = history
  }

  /** Undefined where neither main nor a replica has told of any. */
  get ref(): SchemaRef | undefined {
    const target = this.#target
    if (target === undefined) return undefined
    const newest = target.at(-1)
    return { version: newest?.version ?? 0, id: newest?.id ?? null }
  }

  /** Whether the site's table definitions are those of main. */
  get isOfCatalog(): boolean {
    return (this.#told ?? this.#own())?.at(-1)?.id === this.#own()?.at(-1)?.id
  }

  /** Error: `schema_unknown`, when nothing leads from the record's version to main's. */
  lift(record: TransactionRecord): LiftedRecord {
    const target = this.#target
    if (target === undefined) return record
    const lifted = liftRecord(record, this.#own() ?? emptyHistory, target)
    if (lifted.kind === 'lifted') return lifted.record
    throw new OutpostError(
      'schema_unknown',
      `Transaction ${record.seq} was recorded under schema version ${record.schemaVersion}, main has ${target.at(-1)?.version ?? 0}: ${lifted.reason}.`,
      { details: { seq: record.seq, schemaVersion: record.schemaVersion } },
    )
  }

  get #target(): SchemaHistory | undefined {
    return this.#told ?? this.#own()
  }
}
