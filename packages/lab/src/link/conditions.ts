/**
 * What the link does with traffic. `up`: carries it. `cut`: resets what is open, refuses what is new. `half-open`:
 * takes connections and bytes and holds them, as a dead route does, and delivers them once it is up again.
 */
export type LinkMode = 'up' | 'cut' | 'half-open'

/** The link's present behaviour, shared by all of its pipes. */
export interface LinkConditions {
  readonly mode: LinkMode
  /** Added to a round trip: half of it each way. */
  readonly roundTripMs: number
  /** Shared by all connections in one direction; null for unlimited. */
  readonly bytesPerSecond: number | null
}

export const clearConditions: LinkConditions = { mode: 'up', roundTripMs: 0, bytesPerSecond: null }

/** Longest round trip that the link takes: ten minutes. */
const maxRoundTripMs = 600_000

/** Why a round-trip time is not acceptable, or undefined when it is. */
export function roundTripProblem(ms: number): string | undefined {
  return Number.isFinite(ms) && ms >= 0 && ms <= maxRoundTripMs
    ? undefined
    : `The round trip must be a number from 0 to ${maxRoundTripMs} ms.`
}

/** Why a bandwidth is not acceptable, or undefined when it is. */
export function bandwidthProblem(bytesPerSecond: number | null): string | undefined {
  return bytesPerSecond === null || (Number.isFinite(bytesPerSecond) && bytesPerSecond >= 1)
    ? undefined
    : 'The bandwidth must be at least 1 byte per second.'
}
