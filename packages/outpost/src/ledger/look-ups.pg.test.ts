import { describeEachPostgres, startTestCluster } from '@outpost/lab/testing'
import type { Client } from 'pg'
import { expect, it } from 'vitest'
import { migrate } from './migrate.ts'
import { outpostMigrations } from './migration.ts'

const epoch = '0190a000-0000-7000-8000-000000000001'
const rows = 20_000
/** Of an index of this many rows three levels and the row itself; reading all of them takes hundreds. */
const fewBlocks = 12

/** How a transaction is looked for: by its place, by its id, and by what was decided on it. */
const lookUps = {
  place: `SELECT FROM outpost.ledger WHERE site = 'observatory' AND epoch = '${epoch}' AND seq = $1::bigint`,
  id: `SELECT FROM outpost.ledger WHERE site = 'observatory' AND transaction_id = $1::uuid`,
  decision: `SELECT FROM outpost.decided WHERE site = 'observatory' AND transaction_id = $1::uuid`,
}

const idOf = (seq: number): string => `00000000-0000-0000-0000-${String(seq).padStart(12, '0')}`

async function blocksRead(client: Client, name: string, argument: string): Promise<number> {
  const answer = await client.query<{ 'QUERY PLAN': readonly [{ Plan: Record<string, number> }] }>(
    `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE ${name} ('${argument}')`,
  )
  const plan = answer.rows[0]!['QUERY PLAN'][0].Plan
  return plan['Shared Hit Blocks']! + plan['Shared Read Blocks']!
}

describeEachPostgres('the look-ups in the ledger', (pg) => {
  it('keep reading few blocks when they were planned on empty tables that nothing is known of', async () => {
    const cluster = await startTestCluster(pg, { standbys: 0, config: { autovacuum: false } })
    const client = await cluster.primary.connect()
    try {
      await migrate(client, [outpostMigrations])
      await client.query('SET plan_cache_mode = force_generic_plan')
      for (const [name, sql] of Object.entries(lookUps)) {
        await client.query(`PREPARE ${name} AS SELECT EXISTS (${sql})`)
        await client.query(`EXECUTE ${name} ('${name === 'place' ? '1' : idOf(1)}')`)
      }
      await client.query(
        `INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
         SELECT n, now(), now(), $1::uuid, lpad(n::text, 32, '0')::uuid, $1::uuid, 'observatory', 'applied', ''
         FROM generate_series(1, $2::integer) AS n`,
        [epoch, rows],
      )
      await client.query(
        `INSERT INTO outpost.decided (site, transaction_id, decided_by)
         SELECT site, transaction_id, transaction_id FROM outpost.ledger`,
      )
      const read = {
        place: await blocksRead(client, 'place', String(rows)),
        id: await blocksRead(client, 'id', idOf(rows)),
        decision: await blocksRead(client, 'decision', idOf(rows)),
      }
      for (const blocks of Object.values(read)) expect(blocks, JSON.stringify(read)).toBeLessThan(fewBlocks)
    } finally {
      await client.end()
      await cluster.stop()
    }
  })
})
