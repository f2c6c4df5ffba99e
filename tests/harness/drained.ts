import { waitFor } from '@outpost/lab'
import type { BufferStatistics, Site } from 'outpost/site'

type State = keyof BufferStatistics['states']

/** Waits until everything recorded was read on the site's replica. */
export async function untilReplicated(site: Site, deadlineMs = 60_000): Promise<void> {
  const isDone = () => inStates(site, ['buffered', 'applied']) === 0
  await waitFor(isDone, { what: 'the drain to the replica', deadlineMs })
}

/** Waits until main has everything. */
export async function untilApplied(site: Site, deadlineMs = 60_000): Promise<void> {
  await waitFor(() => inStates(site, ['buffered']) === 0, { what: 'the drain to main', deadlineMs })
}

/** How many transactions are in these states. */
export function inStates(site: Site, states: readonly State[]): number {
  const counts = site.bufferStatistics().states
  return states.reduce((sum, state) => sum + counts[state], 0)
}
