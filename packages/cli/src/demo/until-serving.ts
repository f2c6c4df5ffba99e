import { waitFor } from '@outpost/lab'
import { callSite } from '../site/site-client.ts'
import type { ReadySite } from './ready-line.ts'

const deadlineMs = 20_000

/** Waits until a site answers a merged read with its token: then it knows its catalog, its replica and the token. */
export async function untilServing(site: ReadySite, signal: AbortSignal): Promise<void> {
  await waitFor(
    async () => {
      if (signal.aborted) return true
      return callSite(site, '/executed_obs_units?limit=1')
    },
    { what: `the site at ${site.url} answering`, deadlineMs, everyMs: 50 },
  )
  signal.throwIfAborted()
}
