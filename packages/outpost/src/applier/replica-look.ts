import type { Epoch, Seq } from '../transaction/transaction.ts'

/** Consecutive applied ledger rows of one epoch and lineage, as one node shows them. */
export interface ConfirmedIsland {
  readonly epoch: Epoch
  /** Null for what was pruned: it counts as present (N14), under whichever lineage it was applied. */
  readonly lineage: string | null
  readonly from: Seq
  readonly to: Seq
}

export interface ReplicaLook {
  /** The node has the current main's lineage row: it descends from it. */
  readonly hasLineage: boolean
  /** It takes writes and is not the current main: promoted apart, it goes its own way although it descends from main. */
  readonly isOtherPrimary: boolean
  /** Replayed, or on a primary written, up to here. */
  readonly lsn: string
  readonly islands: readonly ConfirmedIsland[]
}

/** Runs one statement on the site's replica (at the main site on main); rejects at its own deadline. */
export type ReplicaQuery = (
  sql: string,
  values: readonly unknown[],
) => Promise<readonly Readonly<Record<string, unknown>>[]>

/** The {@link ConfirmedIsland}s as JSON; site, epochs, first and last seq are parameters 2 to 5 of the statement. */
export const islandsSql = `(SELECT coalesce(json_agg(json_build_object('epoch', i.epoch, 'lineage', i.lineage, 'from', i.from_seq, 'to', i.to_seq)), '[]')
        FROM (
          SELECT g.epoch, g.lineage, min(g.seq) AS from_seq, max(g.seq) AS to_seq
          FROM (
            SELECT l.epoch, l.lineage, l.seq, l.seq - row_number() OVER (PARTITION BY l.epoch, l.lineage ORDER BY l.seq) AS island
            FROM outpost.ledger l
            WHERE l.site = $2 AND l.epoch = ANY ($3::uuid[]) AND l.seq BETWEEN $4 AND $5 AND l.outcome = 'applied'
          ) g GROUP BY g.epoch, g.lineage, g.island
          UNION ALL
          SELECT e.epoch, NULL, 1, e.dropped_through FROM outpost.epoch e
          WHERE e.site = $2 AND e.epoch = ANY ($3::uuid[]) AND e.dropped_through >= $4
        ) i)`

/** One statement, so that lineage, position and rows are of one snapshot. */
const lookSql = `
SELECT EXISTS (SELECT FROM outpost.lineage WHERE id = $1) AS has_lineage,
       CASE WHEN pg_is_in_recovery() THEN false ELSE outpost.current_lineage() IS DISTINCT FROM $1 END AS is_other_primary,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text AS lsn,
       ${islandsSql} AS islands`

/** Pure: the node shows the ledger row of this transaction, or that it had it; any lineage will do where none is known. */
export function isShownBy(
  islands: readonly ConfirmedIsland[],
  place: { readonly epoch: Epoch; readonly seq: Seq; readonly lineage: string | undefined },
  isAnyLineage = false,
): boolean {
  const { epoch, seq, lineage } = place
  const isSameLineage = (island: ConfirmedIsland) =>
    island.lineage === null || island.lineage === lineage || isAnyLineage
  return islands.some(
    (island) => island.epoch === epoch && seq >= island.from && seq <= island.to && isSameLineage(island),
  )
}

export async function lookAtReplica(
  query: ReplicaQuery,
  lineage: string,
  site: string,
  epochs: readonly Epoch[],
  from: Seq,
  to: Seq,
): Promise<ReplicaLook> {
  const rows = await query(lookSql, [lineage, site, epochs, from, to])
  const row = rows[0]!
  return {
    hasLineage: row.has_lineage === true,
    isOtherPrimary: row.is_other_primary === true,
    lsn: String(row.lsn),
    islands: row.islands as readonly ConfirmedIsland[],
  }
}
