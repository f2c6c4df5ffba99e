import { type PostgresServer, untilCaughtUp } from '@outpost/lab'
import { describeEachPostgres, useCluster, useServer, waitFor } from '@outpost/lab/testing'
import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { formatLsn, type Lsn, parseLsn } from '../position/lsn.ts'
import { comparePositions } from '../position/position.ts'
import { positionOf, readServerFacts, type ServerFacts } from './server-facts.ts'

const lineage = '11111111-1111-4111-8111-111111111111'

async function factsOf(server: PostgresServer, user = 'postgres', setup?: string): Promise<ServerFacts> {
  const client = await server.connect('postgres', user)
  try {
    if (setup !== undefined) await client.query(setup)
    return await readServerFacts(client)
  } finally {
    await client.end()
  }
}

describeEachPostgres('what a server says of itself', (pg) => {
  describe('in a cluster', () => {
    const cluster = useCluster(pg)

    it('tells primary from standby and gives both one identity', async () => {
      const { primary, standby } = cluster()
      await primary.query('CREATE TABLE note (n int)')
      await untilCaughtUp(standby, primary)
      const [main, replica] = [await factsOf(primary), await factsOf(standby)]
      expect([main.role, replica.role]).toEqual(['primary', 'standby'])
      expect(replica.systemIdentifier).toBe(main.systemIdentifier)
      expect(main.systemIdentifier).toMatch(/^\d+$/)
      expect([main.timeline, replica.timeline]).toEqual([1, 1])
      expect(main.replayLsn).toBeUndefined()
      expect(replica.flushLsn).toBeUndefined()
      expect(Math.floor(main.serverVersion / 10_000)).toBe(pg.major)
    })

    it('E2: a standby that has replayed everything reaches the position of the last commit', async () => {
      const { primary, standby } = cluster()
      await primary.query('INSERT INTO note VALUES (1)')
      const committed = positionOf(await factsOf(primary), lineage)!
      expect(committed.isVolatile).toBe(false)
      await waitFor(
        async () => comparePositions(positionOf(await factsOf(standby), lineage)!, committed) !== 'before',
        { what: `the standby reaching ${formatLsn(committed.lsn)}` },
      )
    })

    it('N4: the position of commits that were not flushed is marked volatile', async () => {
      const facts = await factsOf(cluster().primary, 'postgres', 'SET synchronous_commit = off')
      const position = positionOf(facts, lineage)!
      expect(position).toMatchObject({ isVolatile: true, lsn: facts.insertLsn })
    })

    it('needs no privilege, and says less where the control functions were revoked', async () => {
      const { primary, standby } = cluster()
      await primary.query('CREATE ROLE nobody LOGIN')
      await untilCaughtUp(standby, primary)
      const full = await factsOf(standby)
      expect(await factsOf(standby, 'nobody')).toMatchObject({
        systemIdentifier: full.systemIdentifier,
        timeline: 1,
      })
      await primary.query('REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC')
      await untilCaughtUp(standby, primary)
      expect(await factsOf(standby, 'nobody')).toMatchObject({
        systemIdentifier: undefined,
        timeline: 1,
        role: 'standby',
      })
      await primary.query(
        'REVOKE EXECUTE ON FUNCTION pg_control_checkpoint(), pg_control_recovery() FROM PUBLIC',
      )
      await untilCaughtUp(standby, primary)
      const least = await factsOf(standby, 'nobody')
      expect(least).toMatchObject({ systemIdentifier: undefined, timeline: undefined })
      expect(least.replayLsn).toBeDefined()
      expect(positionOf(least, lineage)).toBeUndefined()
      expect(await factsOf(primary, 'nobody')).toMatchObject({
        role: 'primary',
        timeline: 1,
        systemIdentifier: undefined,
      })
    })

    it('E3: reports a default isolation that would make checks before reads unsafe', async () => {
      expect((await factsOf(cluster().primary)).defaultIsolation).toBe('read committed')
      const setup = 'SET default_transaction_isolation = "repeatable read"'
      expect((await factsOf(cluster().primary, 'postgres', setup)).defaultIsolation).toBe('repeatable read')
    })

    it('E6: a promotion shows at once on a connection that survives it', async () => {
      const { primary, standby } = cluster()
      const client = await standby.connect()
      const before = await readServerFacts(client)
      await primary.stop()
      await standby.promote()
      const after = await readServerFacts(client)
      await client.end()
      expect([before.role, before.timeline]).toEqual(['standby', 1])
      expect([after.role, after.timeline]).toEqual(['primary', 2])
      expect(after.replayLsn).toBeUndefined()
      expect(comparePositions(positionOf(before, lineage)!, positionOf(after, lineage)!)).toBe('incomparable')
    })
  })

  describe('on an idle primary', () => {
    const server = useServer(pg, { config: { wal_writer_delay: '10ms' } })

    it('E2: an insert position at a page header becomes one that is flushed without another write', async () => {
      const client = await server().connect()
      const normalized = await insertAtPageHeader(client)
      await waitFor(async () => (await readServerFacts(client)).flushLsn! >= normalized, {
        what: `the flush position reaching ${formatLsn(normalized)}`,
      })
      await client.end()
    })
  })
})

/** Messages of many lengths walk the log's end over every offset, until it rests just after a page's header. */
async function insertAtPageHeader(client: Client): Promise<Lsn> {
  for (let step = 0; step < 10_000; step++) {
    const { rows } = await client.query<{ raw: string }>(`
      SELECT pg_current_wal_insert_lsn()::text AS raw
        FROM (SELECT pg_logical_emit_message(false, '', repeat('x', ${8 * (step % 40)})) OFFSET 0) emitted`)
    const raw = parseLsn(rows[0]!.raw)
    if (raw % 8192n !== 0x18n) continue
    const { insertLsn } = await readServerFacts(client)
    if (insertLsn === raw - 0x18n) return insertLsn
  }
  throw new Error('The insert position never rested at a page header.')
}
