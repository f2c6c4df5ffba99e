import type { BufferStatistics, Health } from 'outpost'
import { callSite, type SiteAddress } from '../site/site-client.ts'
import type { LiveSite } from './live-line.ts'

/** What the live line shows of the observatory; undefined while its process does not answer. */
export async function fetchLiveSite(site: SiteAddress): Promise<LiveSite | undefined> {
  try {
    const [health, buffer] = await Promise.all([callSite(site, '/health'), callSite(site, '/buffer-stats')])
    return liveSite(health as Health, buffer as BufferStatistics)
  } catch {
    // A site that is being started again does not answer: the line says so, and asks again.
    return undefined
  }
}

/** Counts by what a watcher cares for: confirmed rows stay `replicated` when the journal only keeps them longer. */
function liveSite(health: Health, buffer: BufferStatistics): LiveSite {
  const { states } = buffer
  return {
    buffered: states.buffered + states.parked,
    applied: states.applied,
    replicated: states.replicated + states.retained + states.gone,
    failed: states.rejected,
    lagSeconds: health.replication_lag.current_lag_seconds,
  }
}
