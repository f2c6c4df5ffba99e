import { OutpostError } from '../../errors/outpost-error.ts'
import type { Catalog } from '../../postgres/catalog.ts'
import { conflictSet } from '../../transaction/conflict-set.ts'
import { operationsDigest } from '../../transaction/digest.ts'
import type {
  Decision,
  ElderPlace,
  Seq,
  TransactionDraft,
  TransactionRecord,
} from '../../transaction/transaction.ts'
import { checkText } from '../../transaction/value/check-text.ts'

const decisionPrefix = 'decision|'

/** What all decisions about one transaction write. */
export const decisionKey = (seq: Seq): string => `${decisionPrefix}${seq}`

/** What a decision writes itself. */
export type DecisionContent = Pick<
  TransactionDraft,
  'operations' | 'digest' | 'writes' | 'references' | 'catalogVersion' | 'schemaVersion' | 'flags'
>

const maximumReasonLength = 1_000
/** Decided on in one record; a larger cone is discarded in parts, beginning with members of it. */
const maximumDecided = 100_000

/** A resolve or discard writes nothing; its record stands in for what it decides on. */
export function emptyContent(catalog: Catalog): DecisionContent {
  return {
    operations: [],
    digest: operationsDigest([]),
    writes: [],
    references: [],
    catalogVersion: catalog.version,
    flags: [],
  }
}

/** The same operations once more. Where the tables have changed since, what they touch is found out anew. */
export function sameContent(record: TransactionRecord, catalog: Catalog): DecisionContent {
  const { operations, digest, references, flags, schemaVersion } = record
  // Whatever they mean is still told by the version that they were recorded under.
  const under = schemaVersion === undefined ? {} : { schemaVersion }
  const writes = record.writes.filter((key) => !key.startsWith(decisionPrefix))
  if (record.catalogVersion === catalog.version)
    return { operations, digest, writes, references, catalogVersion: catalog.version, ...under, flags }
  const now = conflictSet(
    catalog,
    operations.map((operation) => ({ operation })),
  )
  const isCommonLane = now.isCommonLane || flags.includes('common_lane')
  return {
    operations,
    digest,
    writes: [...new Set([...writes, ...now.writes])],
    references: [...new Set([...references, ...now.references])],
    catalogVersion: catalog.version,
    ...under,
    flags: isCommonLane ? ['common_lane'] : [],
  }
}

/** The places that a replay of this dead letter takes: its own, and for a replay those that it had taken. */
export function placesOf({ seq, writes, decision }: TransactionRecord): readonly ElderPlace[] {
  const elder = decision?.places ?? []
  const taken = new Set(elder.flatMap(({ rows }) => rows))
  const rows = writes.filter((key) => key.startsWith('pk|') && !taken.has(key))
  return rows.length === 0 ? elder : [...elder, { seq, rows }]
}

export function decisionOf(
  kind: Decision['kind'],
  targets: readonly TransactionRecord[],
  reason: string | undefined,
  followed: readonly string[],
): Decision {
  const replaced = kind === 'replay' || kind === 'edit' ? placesOf(targets[0]!) : []
  return {
    kind,
    on: targets.map(({ seq, id }) => ({ seq, id })),
    ...(reason !== undefined && { reason }),
    ...(replaced.length > 0 && { places: replaced }),
    ...(followed.length > 0 && { followed }),
  }
}

/** Error: `transaction_too_large`. */
export function refuseTooMany(cone: readonly Seq[]): void {
  if (cone.length < maximumDecided) return
  throw new OutpostError(
    'transaction_too_large',
    `The cone has ${cone.length} transactions; at most ${maximumDecided} are discarded at once.`,
    { hint: 'Discard a member of the cone with what waits for it first.' },
  )
}

/** A reason as it is kept. Errors: `missing_value`, `invalid_value`. */
export function checkedReason(reason: unknown, isRequired: boolean): string | undefined {
  if (reason === undefined && !isRequired) return undefined
  if (typeof reason !== 'string' || reason.trim() === '') {
    throw new OutpostError('missing_value', 'A reason is needed: it is kept with the decision.', {
      hint: 'Say in a few words why.',
    })
  }
  if (reason.length > maximumReasonLength) {
    throw new OutpostError(
      'invalid_value',
      `The reason has ${reason.length} characters; it may have ${maximumReasonLength}.`,
      { hint: 'Shorten it.' },
    )
  }
  return storable(reason, 'The reason')
}

/** Text that PostgreSQL can keep: nothing else may reach the ledger. Error: `invalid_value`. */
export function storable(text: string, what: string): string {
  try {
    return checkText(text)
  } catch (cause) {
    throw new OutpostError('invalid_value', `${what} holds a NUL or half of a surrogate pair.`, {
      hint: 'Send text without them.',
      cause,
    })
  }
}
