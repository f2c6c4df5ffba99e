import type { Client } from 'pg'
import { migrate, outpostMigrations } from '../../packages/outpost/src/migrate.ts'
import { epoch, provenSeq, unitCount } from './backlog.ts'

/** What the node has to show in every merged statement. */
export interface Proven {
  readonly site: string
  readonly lineage: string
  readonly floor: { readonly epoch: string; readonly seq: number }
}

const site = 'observatory'

/** A table of executed units with its usual indexes, and the ledger that coverage is proven by. */
export async function prepareTable(client: Client, rows: number): Promise<Proven> {
  await client.query(`
    CREATE TABLE unit (id int PRIMARY KEY, name text NOT NULL, phase text NOT NULL);
    INSERT INTO unit SELECT i, 'unit ' || i, 'phase ' || i % 5 FROM generate_series(0, ${unitCount}) AS i;
    CREATE TABLE run (
      id uuid PRIMARY KEY, obs_unit_id int NOT NULL, status text NOT NULL, start_time timestamptz NOT NULL,
      end_time timestamptz, mean_elevation float8, pwv_mm float8, notes text, priority int, version int NOT NULL);
    INSERT INTO run
      SELECT gen_random_uuid(), (i::bigint * 7919) % ${unitCount},
        CASE WHEN i % 10 = 0 THEN 'aborted' ELSE 'completed' END,
        '2025-01-01'::timestamptz + i * interval '15 s', '2025-01-01'::timestamptz + i * interval '15 s 10 min',
        random() * 90, random() * 3, 'note ' || i, i % 7, 1
      FROM generate_series(1, ${rows}) AS i;
    CREATE INDEX ON run (obs_unit_id, start_time);
    CREATE INDEX ON run (start_time);
    CREATE INDEX ON run (status);
  `)
  await client.query('VACUUM ANALYZE')
  await migrate(client, [outpostMigrations])
  return proveable(client)
}

/** One transaction long taken out, whose ledger row every statement looks for. */
async function proveable(client: Client): Promise<Proven> {
  const lineage = await client.query<{ id: string }>(
    `INSERT INTO outpost.lineage (ordinal, system_identifier, timeline, lsn) VALUES (1, '1', 1, '0/1') RETURNING id`,
  )
  const { id } = lineage.rows[0]!
  await client.query(
    `INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
     SELECT seq, now(), now(), $1, gen_random_uuid(), $2, $3, 'applied', '' FROM generate_series(1, ${provenSeq}) AS seq`,
    [epoch, id, site],
  )
  await client.query('VACUUM ANALYZE outpost.ledger')
  return { site, lineage: id, floor: { epoch, seq: provenSeq } }
}
