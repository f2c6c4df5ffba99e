import type { Journal } from '../journal/journal.ts'
import type { Seq } from '../transaction/transaction.ts'

type Facts = Pick<Journal, 'getFact' | 'setFact'>

const comparedFact = 'compared_under'
const replicaFact = 'replica_under'

interface Compared {
  readonly lineage: string
  readonly through: Seq
  readonly position: string
  readonly atMs: number
}

interface ReplicaUnder {
  readonly lineage: string
  readonly atMs: number
}

/** What was applied on an earlier main and stands on the present one too, all of it up to `through`. */
export interface CarriedOver {
  readonly lineage: string
  readonly through: Seq
  /** `timeline/LSN` of the present main behind all of it. */
  readonly position: string
  /** Since when main and the site's replica are known to have it; retention starts anew there. */
  readonly sinceMs: number
}

/**
 * Everything up to `through` that the site believes settled was looked for in the ledger of this main, and what it
 * lacked was brought again. Kept once per lineage: what came later carries that lineage itself.
 */
export async function noteCompared(journal: Facts, compared: Compared): Promise<void> {
  if (read<Compared>(journal, comparedFact)?.lineage === compared.lineage) return
  await journal.setFact(comparedFact, JSON.stringify(compared))
}

/**
 * The site's replica has the row of this lineage. That row was written before anything else under it and after
 * everything from before, so the replica has all that this main kept from its predecessors.
 */
export async function noteReplicaUnder(journal: Facts, lineage: string, atMs: number): Promise<void> {
  if (read<ReplicaUnder>(journal, replicaFact)?.lineage === lineage) return
  await journal.setFact(replicaFact, JSON.stringify({ lineage, atMs } satisfies ReplicaUnder))
}

/** Undefined until both have been noted under this lineage. */
export function carriedOver(journal: Facts, lineage: string | undefined): CarriedOver | undefined {
  const compared = read<Compared>(journal, comparedFact)
  const replica = read<ReplicaUnder>(journal, replicaFact)
  if (lineage === undefined || compared?.lineage !== lineage || replica?.lineage !== lineage) return undefined
  const { through, position, atMs } = compared
  return { lineage, through, position, sinceMs: Math.max(atMs, replica.atMs) }
}

function read<T>(journal: Facts, name: string): T | undefined {
  const text = journal.getFact(name)
  return text === undefined ? undefined : (JSON.parse(text) as T)
}
