import { OutpostError } from '../errors/outpost-error.ts'
import { type LiftedRecord, liftRecord } from '../schema/lifter.ts'
import { emptyHistory, type SchemaHistory, type SchemaVersion } from '../schema/schema-history.ts'
import type { TransactionRecord } from '../transaction/transaction.ts'

/** The changes of main's schema that a site knows of; undefined where its databases keep no account of them. */
export interface SiteSchema {
  /** Of the table definitions in use. */
  readonly present: () => SchemaHistory | undefined
  /** The longest seen: what transactions were recorded under. */
  readonly known: () => SchemaHistory | undefined
}

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
  readonly #site: SiteSchema | undefined
  #told: SchemaHistory | undefined

  constructor(site: SiteSchema | undefined) {
    this.#site = site
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
    return this.#target?.at(-1)?.id === this.#site?.present()?.at(-1)?.id
  }

  /** Error: `schema_unknown`, when nothing leads from the record's version to main's. */
  lift(record: TransactionRecord): LiftedRecord {
    const target = this.#target
    if (target === undefined) return record
    const lifted = liftRecord(record, this.#site?.known() ?? emptyHistory, target)
    if (lifted.kind === 'lifted') return lifted.record
    throw new OutpostError(
      'schema_unknown',
      `Transaction ${record.seq} was recorded under schema version ${record.schemaVersion}, main has ${target.at(-1)?.version ?? 0}: ${lifted.reason}.`,
      { details: { seq: record.seq, schemaVersion: record.schemaVersion } },
    )
  }

  get #target(): SchemaHistory | undefined {
    return this.#told ?? this.#site?.present()
  }
}
