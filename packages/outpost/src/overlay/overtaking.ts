import type { Seq } from '../transaction/transaction.ts'
import type { PendingIndex } from './index/pending-index.ts'
import type { MergedRead, NodeExecutor } from './overlay.ts'

/** Where the overlay stood when a statement's rows were chosen. */
export interface OverlayMoment {
  readonly version: Seq
  /** Removals up to then. */
  readonly removals: number
}

/** Pending rows of one table that a statement carries or keeps out. */
export interface ChosenRows {
  readonly tableId: number
  /** Undefined for all that were pending. */
  readonly slots: ReadonlySet<number> | undefined
}

/** Notices that the answer of a statement may show half of a transaction, and makes up for it. */
export interface Overtaking {
  isPossible(then: OverlayMoment, chosen: readonly ChosenRows[]): Promise<boolean>
  /** The same statement where no half can be seen. */
  again(): Promise<MergedRead>
}

/**
 * Whether the node may have shown half of a transaction to a statement. Pure but for the index it reads.
 *
 * The overlay's version is taken before the statement (N16), so a transaction that was recorded meanwhile and has
 * reached the node already shows there as a whole, except on rows that an older pending image covers. It can have
 * reached the node only when it was sent (`sentThrough`), and is halved only when it changes a row that was chosen.
 * Where rows have left the overlay meanwhile the index does not tell which were chosen, so that every row counts.
 */
export function isOvertaken(
  index: PendingIndex,
  then: OverlayMoment,
  now: OverlayMoment,
  sentThrough: Seq,
  chosen: readonly ChosenRows[],
): boolean {
  const last = Math.min(now.version, sentThrough)
  if (last <= then.version || chosen.length === 0) return false
  const byTable = new Map(chosen.map(({ tableId, slots }) => [tableId, slots]))
  const isVague = now.removals !== then.removals
  for (let seq = then.version + 1; seq <= last; seq++) {
    for (const slot of index.slotsOf(seq)) {
      const tableId = index.slots.table(slot)
      if (!byTable.has(tableId)) continue
      const slots = byTable.get(tableId)
      if (isVague || (slots ? slots.has(slot) : index.oldestSeq(slot) <= then.version)) return true
    }
  }
  return false
}

/**
 * Runs `work` on a snapshot that is taken before it: what the overlay holds from now on, and lets nothing go of
 * meanwhile, has everything that this snapshot shows of the site, and whole. Two round trips more than a statement.
 */
export async function inOneSnapshot<Result>(
  node: NodeExecutor,
  work: () => Promise<Result>,
): Promise<Result> {
  // The first statement takes the snapshot, not the BEGIN.
  await node.query({ text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1', values: [] })
  try {
    const result = await work()
    await node.query({ text: 'COMMIT', values: [] })
    return result
  } catch (error) {
    // Should this fail, the connection is the trouble and says so.
    await node.query({ text: 'ROLLBACK', values: [] })
    throw error
  }
}
