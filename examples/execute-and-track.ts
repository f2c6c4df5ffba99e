import { LsnTracker, systemClock } from 'outpost/site'
import { Pool } from 'pg'
import type { Place } from './place.ts'

/**
 * Writes straight to main and learns whether the replica has replayed it: for programs that need no journal, only to
 * know when a read on the replica is safe.
 */
export async function run({ main, replica }: Place) {
  const onMain = new Pool({ ...main, ssl: false })
  const onReplica = new Pool({ ...replica, ssl: false })
  const tracker = new LsnTracker({
    main: async (work) => {
      const client = await onMain.connect()
      try {
        return await work(client)
      } finally {
        client.release()
      }
    },
    replica: async (sql, values) => (await onReplica.query(sql, [...values])).rows,
    clock: systemClock,
    intervalMs: 100,
    timeoutMs: 30_000,
  })
  try {
    const { result, replicated, position } = await tracker.executeAndTrack(async (client) => {
      const sql = `INSERT INTO observation (target) VALUES ('Polaris') RETURNING id`
      return (await client.query<{ id: string }>(sql)).rows[0]?.id
    })
    const found = await onReplica.query('SELECT FROM observation WHERE id = $1', [result])
    return { replicated, position, foundOnReplica: found.rowCount === 1 }
  } finally {
    await Promise.all([onMain.end(), onReplica.end()])
  }
}
