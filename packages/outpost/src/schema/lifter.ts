import type { Decision, TransactionRecord } from '../transaction/transaction.ts'
import { liftKeys } from './lift-keys.ts'
import { liftOperations } from './lift-operations.ts'
import {
  newestVersion,
  type SchemaHistory,
  type SchemaPath,
  type SchemaVersion,
  schemaPath,
} from './schema-history.ts'
import type { SchemaStep } from './schema-step.ts'

/** A record as another version of the schema has it. Its id, seq and digest stay: it is the same transaction (N1). */
export interface LiftedRecord extends TransactionRecord {
  /** Why it has no meaning in that schema; its operations are as they were recorded then. */
  readonly refusal?: string
}

/** Paths are few and are asked for with every record. */
const paths = new WeakMap<SchemaHistory, WeakMap<SchemaHistory, Map<SchemaVersion, SchemaPath>>>()

/**
 * Pure: the record as the newest version of `target` has it; the record itself where nothing changes, among them one
 * that does not tell its version. `own` is the history that the site recorded it with. Where no path is known the
 * answer says so.
 */
export function liftRecord(
  record: TransactionRecord,
  own: SchemaHistory,
  target: SchemaHistory,
): { readonly kind: 'lifted'; readonly record: LiftedRecord } | Extract<SchemaPath, { kind: 'unknown' }> {
  const { schemaVersion } = record
  if (schemaVersion === undefined || (own === target && schemaVersion === newestVersion(target)))
    return { kind: 'lifted', record }
  const path = knownPath(schemaVersion, own, target)
  if (path.kind === 'unknown') return path
  if (path.steps.length === 0) return { kind: 'lifted', record }
  const lifted = liftOperations(record.operations, path.steps)
  if (lifted.kind === 'refused') return { kind: 'lifted', record: { ...record, refusal: lifted.reason } }
  const writes = liftKeys(record.writes, path.steps)
  const references = liftKeys(record.references, path.steps)
  const { operations } = lifted
  if (operations === record.operations && writes === record.writes && references === record.references)
    return { kind: 'lifted', record }
  const decision = record.decision && liftPlaces(record.decision, path.steps)
  return {
    kind: 'lifted',
    record: { ...record, operations, writes, references, ...(decision && { decision }) },
  }
}

/** The rows and keys that a decision names are named anew, too. */
function liftPlaces(decision: Decision, steps: readonly SchemaStep[]): Decision {
  const { places, followed } = decision
  return {
    ...decision,
    ...(places && { places: places.map(({ seq, rows }) => ({ seq, rows: liftKeys(rows, steps) })) }),
    ...(followed && { followed: liftKeys(followed, steps) }),
  }
}

function knownPath(from: SchemaVersion, own: SchemaHistory, target: SchemaHistory): SchemaPath {
  const ofOwn = paths.get(own) ?? new WeakMap<SchemaHistory, Map<SchemaVersion, SchemaPath>>()
  const ofTarget = ofOwn.get(target) ?? new Map<SchemaVersion, SchemaPath>()
  const path = ofTarget.get(from) ?? schemaPath(from, own, target)
  paths.set(own, ofOwn.set(target, ofTarget.set(from, path)))
  return path
}

/** Pure: the record for showing it; as it was recorded where no path is known. */
export function liftedOrAsIs(
  record: TransactionRecord,
  own: SchemaHistory | undefined,
  target: SchemaHistory | undefined,
): TransactionRecord {
  if (own === undefined || target === undefined) return record
  const lifted = liftRecord(record, own, target)
  return lifted.kind === 'lifted' ? lifted.record : record
}
