import { type ConfirmedIsland, islandsSql } from '../applier/replica-look.ts'
import { OutpostError } from '../errors/outpost-error.ts'
import type { Journal } from '../journal/journal.ts'
import { ledgerEpochOf } from '../journal/ledger-epoch.ts'
import type { FindArrived, HeldTransactions, NodeExecutor } from '../overlay/overlay.ts'
import type { SeenRecord } from '../position/token.ts'
import type { Seq } from '../transaction/transaction.ts'

export interface ArrivedOptions {
  readonly siteName: string
  readonly journal: Pick<Journal, 'epochs' | 'getMany' | 'status'>
}

/** One statement for what the token names and for this site's own transactions. */
const arrivedSql = `
SELECT (SELECT min(t.ordinal)::integer FROM unnest($1::text[], $6::uuid[], $7::bigint[]) WITH ORDINALITY AS t (site, epoch, seq, ordinal)
        WHERE NOT outpost.has_row(t.site, t.epoch, t.seq)) AS missing,
       ${islandsSql} AS islands`

const ofThisSiteSql = `
SELECT transaction_id::text AS id FROM outpost.ledger
WHERE site = $1 AND transaction_id = ANY ($2::uuid[]) AND outcome = 'applied'`

/** Records read at once. */
const recordsAtOnce = 1_000

/**
 * For a caller that has seen these records elsewhere (N21): a snapshot that lacks one of them will not do, and of one
 * that has them all, which pending transactions of this site it shows by itself. Others may have changed their rows
 * since, so that their images must not cover what the snapshot says.
 *
 * The ledger row commits with the writes, so whatever the branch that the node is on, the row in a snapshot says that
 * the writes are in it. What the journal knows of a transaction does not count: a lost answer leaves `buffered` what
 * the node shows. Error: `not_here_yet`.
 */
export function arrivedFor(seen: readonly SeenRecord[], options: ArrivedOptions): FindArrived {
  return async (node, held) => {
    const islands = await lookFor(node, seen, held, options)
    const { told, untold } = sortOut(islands, held, options.journal)
    return new Set([...told, ...(await byId(node, [...untold], options))])
  }
}

async function lookFor(
  node: NodeExecutor,
  seen: readonly SeenRecord[],
  held: HeldTransactions,
  { siteName, journal }: ArrivedOptions,
): Promise<readonly ConfirmedIsland[]> {
  const epochs = held.range === undefined ? [] : journal.epochs.map(({ epoch }) => epoch)
  const { first, last } = held.range ?? { first: 1, last: 0 }
  const sites = seen.map((record) => record.site)
  const lives = seen.map((record) => record.epoch)
  const seqs = seen.map((record) => record.seq)
  const { rows } = await node.query({
    text: arrivedSql,
    values: [sites, siteName, epochs, first, last, lives, seqs],
  })
  const row = rows[0] as { missing: number | null; islands: readonly ConfirmedIsland[] }
  const missing = row.missing === null ? undefined : seen[Number(row.missing) - 1]
  if (missing) {
    throw new OutpostError(
      'not_here_yet',
      `Transaction ${missing.seq} of site ${missing.site} has not arrived here.`,
      { details: { ...missing } },
    )
  }
  return row.islands
}

interface SortedOut {
  /** Main has told that they stand in the ledger under these numbers. */
  readonly told: ReadonlySet<Seq>
  /** The number may stand for another transaction, as after a restored copy of the journal (N2): the id tells. */
  readonly untold: ReadonlySet<Seq>
}

/** Pure but for the journal that it asks. Error: `not_here_yet` where a pruned row can no longer tell. */
function sortOut(
  islands: readonly ConfirmedIsland[],
  { range, holds }: HeldTransactions,
  journal: ArrivedOptions['journal'],
): SortedOut {
  const told = new Set<Seq>()
  const untold = new Set<Seq>()
  if (range === undefined) return { told, untold }
  for (const { epoch, lineage, from, to } of islands) {
    for (let seq = Math.max(from, range.first); seq <= Math.min(to, range.last); seq++) {
      if (!holds(seq)) continue
      const status = journal.status(seq)
      const isTold = toldStates.has(status.state) && epoch === ledgerEpochOf(journal, seq)
      if (isTold && (lineage === null || lineage === status.lineage)) told.add(seq)
      else if (lineage !== null) untold.add(seq)
      else if (epoch === ledgerEpochOf(journal, seq)) throw unknownUntilMainAnswers(seq)
    }
  }
  return { told, untold }
}

const toldStates: ReadonlySet<string> = new Set(['applied', 'replicated', 'retained'])

function unknownUntilMainAnswers(seq: Seq): OutpostError {
  return new OutpostError(
    'not_here_yet',
    `Main has pruned what would tell whether it has transaction ${seq} of this journal, and has not been asked yet.`,
    { details: { seq } },
  )
}

async function byId(
  node: NodeExecutor,
  seqs: readonly Seq[],
  { siteName, journal }: ArrivedOptions,
): Promise<readonly Seq[]> {
  const found: Seq[] = []
  for (let at = 0; at < seqs.length; at += recordsAtOnce) {
    const records = await journal.getMany(seqs.slice(at, at + recordsAtOnce))
    const ids = records.map(({ id }) => id)
    const { rows } = await node.query({ text: ofThisSiteSql, values: [siteName, ids] })
    const here = new Set((rows as readonly { id: string }[]).map(({ id }) => id))
    for (const { id, seq } of records) if (here.has(id)) found.push(seq)
  }
  return found
}
