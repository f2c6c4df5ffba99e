import type { RetentionFacts } from '../applier/retention.ts'
import type { NodePool } from './node-pool.ts'

const queryTimeoutMs = 10_000

/**
 * What the standbys that could become main have flushed, as main sees it (N13). A standby that is not connected, or
 * whose position the role may not see, is not known to have anything: everything is kept then.
 */
export async function promotablePositions(
  main: NodePool,
  standbys: readonly string[] | 'none' | undefined,
): Promise<RetentionFacts['promotable']> {
  if (standbys === undefined) return 'unknown'
  if (standbys === 'none' || standbys.length === 0) return 'none'
  return await main.run(queryTimeoutMs, async (client) => {
    const { rows } = await client.query<{ name: string; position: string | null }>(
      `SELECT r.application_name AS name,
              (SELECT timeline FROM outpost.server_identity()) || '/' || r.flush_lsn::text AS position
       FROM pg_stat_replication r WHERE r.application_name = ANY ($1)`,
      [standbys],
    )
    return standbys.map((name) => rows.find((row) => row.name === name)?.position ?? undefined)
  })
}
