import { isSchemaStep, type SchemaStep } from './schema-step.ts'

/** Dense number of a change of the application's schema on main, from 1; 0 before the first one. */
export type SchemaVersion = number

/**
 * One change of the application's schema: a migration that was installed, or one that was reverted. The history only
 * grows: what was reverted is a change of its own, so a version names one form of the schema for ever.
 */
export interface SchemaChange {
  readonly version: SchemaVersion
  /** Made on main when it was installed: two mains that parted give one number to different changes. */
  readonly id: string
  /** Of the migration: `ops-db 4 instrument_notes`, for people. */
  readonly name: string
  /** From the version before to this one. */
  readonly lift: readonly SchemaStep[]
  /** The way back to the version before. */
  readonly lower: readonly SchemaStep[]
}

export type SchemaHistory = readonly SchemaChange[]

export const emptyHistory: SchemaHistory = []

/** The newest version of a history. */
export function newestVersion(history: SchemaHistory): SchemaVersion {
  return history.at(-1)?.version ?? 0
}

/** What leads from one version to another. */
export type SchemaPath =
  | { readonly kind: 'steps'; readonly steps: readonly SchemaStep[] }
  /** The other history does not know the version that the writes were recorded under, or it is another one there. */
  | { readonly kind: 'unknown'; readonly reason: string }

/**
 * Pure: the steps that bring a write of version `from`, as `own` tells what that was, to the newest version of
 * `target`. Up by `target`'s changes; where `own` has changes that `target` lacks (main was replaced by a server
 * without them), first down by those.
 */
export function schemaPath(from: SchemaVersion, own: SchemaHistory, target: SchemaHistory): SchemaPath {
  const shared = sharedThrough(from, own, target)
  const down = own.filter(({ version }) => version > shared && version <= from)
  if (from > shared && down.length < from - shared) {
    return { kind: 'unknown', reason: `nothing tells what schema version ${from} was` }
  }
  const up = target.filter(({ version }) => version > shared)
  const steps = [...[...down].reverse().flatMap(({ lower }) => lower), ...up.flatMap(({ lift }) => lift)]
  const unknown: unknown = steps.find((step) => !isSchemaStep(step))
  if (unknown !== undefined) {
    return {
      kind: 'unknown',
      reason: `a migration takes a step that this version does not know: ${JSON.stringify(unknown)}`,
    }
  }
  return { kind: 'steps', steps }
}

/** The newest version up to `from` that both histories mean alike. What `own` does not know it cannot contradict. */
function sharedThrough(from: SchemaVersion, own: SchemaHistory, target: SchemaHistory): SchemaVersion {
  const owned = new Map(own.map(({ version, id }) => [version, id]))
  let shared = 0
  for (const { version, id } of target) {
    if (version > from || (owned.get(version) ?? id) !== id) break
    shared = version
  }
  return shared
}

/** Parses what main or a replica tells; a history that another version wrote is taken as it is. */
export function readHistory(rows: unknown): SchemaHistory {
  if (!Array.isArray(rows)) return emptyHistory
  return (rows as readonly SchemaChange[]).map(({ version, id, name, lift, lower }) => ({
    version: Number(version),
    id: String(id),
    name: String(name),
    lift: Array.isArray(lift) ? lift : [],
    lower: Array.isArray(lower) ? lower : [],
  }))
}
