import type { Journal } from '../../journal/journal.ts'
import type { DependencyIndex } from '../../transaction/dependency-index.ts'
import { leftKeys } from '../../transaction/leaving.ts'
import type { Seq, TransactionRecord } from '../../transaction/transaction.ts'

export interface OrderFacts {
  readonly journal: Pick<Journal, 'getMany' | 'status'>
  readonly dependencies: Pick<DependencyIndex, 'lastWriter' | 'referrers'>
  standIn(seq: Seq): Seq
  /** Nothing has to wait for it any more. */
  isSettled(seq: Seq): boolean
}

/** What is decided on, what waits for that, and the keys that the decision itself writes or refers to. */
export interface DecisionPlace {
  readonly targets: readonly TransactionRecord[]
  readonly cone: ReadonlySet<Seq>
  readonly keys: readonly string[]
}

/**
 * What a decision depends on (N9). It stands in for its targets, so it waits for what they waited for; and for the last
 * writers of its own keys and what refers to those that it takes away, but never for one that waits for it. Ascending, each once.
 */
export async function decisionDependsOn(place: DecisionPlace, facts: OrderFacts): Promise<readonly Seq[]> {
  const { targets, cone } = place
  const own = new Set(targets.map(({ seq }) => seq))
  const found = new Set<Seq>()
  const take = (seq: Seq): void => {
    const standIn = facts.standIn(seq)
    if (!own.has(standIn) && !cone.has(standIn) && !facts.isSettled(standIn)) found.add(standIn)
  }
  for (const { seq, dependsOn } of targets) {
    const { parkedBy } = facts.journal.status(seq)
    for (const dependency of [...dependsOn, ...(Array.isArray(parkedBy) ? (parkedBy as readonly Seq[]) : [])])
      take(dependency)
  }
  for (const key of place.keys) {
    for (const writer of await writersOutside(key, own, cone, facts)) take(writer)
  }
  for (const seq of facts.dependencies.referrers(leftKeys(place.keys))) take(seq)
  return [...found].sort((a, b) => a - b)
}

/** Of the keys that a decision writes those whose last writer waits for the decision: that one stays the last (N9). */
export function followedKeys(
  keys: readonly string[],
  cone: ReadonlySet<Seq>,
  { dependencies, standIn }: Pick<OrderFacts, 'dependencies' | 'standIn'>,
): readonly string[] {
  return keys.filter((key) => {
    const last = dependencies.lastWriter(key)
    return last !== undefined && cone.has(standIn(last))
  })
}

/** The newest writers of a key that do not wait for the decision: behind each that does, the elder one that it names. */
async function writersOutside(
  key: string,
  own: ReadonlySet<Seq>,
  cone: ReadonlySet<Seq>,
  { journal, dependencies, standIn }: OrderFacts,
): Promise<readonly Seq[]> {
  const last = dependencies.lastWriter(key)
  const outside: Seq[] = []
  const seen = new Set<Seq>()
  let open = last === undefined ? [] : [standIn(last)]
  while (open.length > 0) {
    const inside = open.filter((seq) => cone.has(seq) && !seen.has(seq))
    outside.push(...open.filter((seq) => !cone.has(seq) && !own.has(seq)))
    for (const seq of inside) seen.add(seq)
    const elders = (await journal.getMany(inside)).flatMap(({ dependsOn }) => dependsOn.map(standIn))
    const records = await journal.getMany([...new Set(elders)])
    open = records.filter(({ writes }) => writes.includes(key)).map(({ seq }) => seq)
  }
  return outside
}
