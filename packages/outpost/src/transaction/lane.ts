const commonPrefix = 'common|'

/** The table or the constraint that a key of a conflict set belongs to: `pk|public.t|1` → `pk|public.t`. */
export function laneOf(key: string): string {
  return key.slice(0, key.indexOf('|', 'pk|'.length))
}

/**
 * Stands among the references of a transaction that touches something of this lane and does not know what (N10). No
 * transaction writes such a key.
 */
export function commonKey(lane: string): string {
  return commonPrefix + laneOf(`${lane}|`)
}

/** The lanes in which a transaction with these references keeps its place among all others. */
export function commonLanes(references: readonly string[]): readonly string[] {
  const lanes: string[] = []
  for (const key of references) if (key.startsWith(commonPrefix)) lanes.push(key.slice(commonPrefix.length))
  return lanes
}
