import { describeEachPostgres, startTestCluster } from '@outpost/lab/testing'
import { expect, it } from 'vitest'
import { migrate } from './migrate.ts'
import { outpostMigrations } from './migration.ts'

describeEachPostgres('the lineage of main', (pg) => {
  it('N4: two standbys promoted apart are told apart, and each descends from their common main', async () => {
    const cluster = await startTestCluster(pg, { standbys: 2 })
    try {
      const client = await cluster.primary.connect()
      await migrate(client, [outpostMigrations])
      await client.end()
      const [before] = await cluster.primary.query('SELECT outpost.ensure_lineage() AS id')
      const apart: Record<string, unknown>[] = []
      await cluster.primary.stop()
      for (const standby of cluster.standbys) {
        await standby.promote()
        await standby.query('SELECT outpost.ensure_lineage()')
        apart.push(
          ...(await standby.query(
            'SELECT id, system_identifier, timeline, previous FROM outpost.lineage ORDER BY ordinal DESC LIMIT 1',
          )),
        )
      }
      const [first, second] = apart
      expect(second).toMatchObject({
        system_identifier: first!.system_identifier,
        timeline: 2,
        previous: before!.id,
      })
      expect(first).toMatchObject({ timeline: 2, previous: before!.id })
      expect(first!.id).not.toBe(second!.id)
      // What one of them wrote is a stranger's to the other: a site that remembers it must ask its operator.
      const [answer] = await cluster.standbys[1]!.query(
        `SELECT outpost.hello('observatory', gen_random_uuid(), '{}', $1) AS answer`,
        [first!.id],
      )
      expect(answer!.answer).toMatchObject({ kind: 'stranger', timeline: 2 })
      const [welcome] = await cluster.standbys[1]!.query(
        `SELECT outpost.hello('observatory', gen_random_uuid(), '{}', $1) AS answer`,
        [before!.id],
      )
      expect(welcome!.answer).toMatchObject({ kind: 'welcome', lineage: second!.id })
    } finally {
      await cluster.stop()
    }
  })
})
