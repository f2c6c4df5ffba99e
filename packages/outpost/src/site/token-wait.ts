import type { Clock } from '../clock/clock.ts'
import { OutpostError } from '../errors/outpost-error.ts'
import type { SeenRecord } from '../position/token.ts'
import type { MergedReads } from './merged-reads.ts'
import type { NodeName } from './node-pool.ts'
import type { SiteTokens } from './site-tokens.ts'

const waitMs = 2_000
const pollMs = 50

/**
 * Waits briefly until the site has what a token has seen elsewhere (N21): ledger rows of other sites, or of a life
 * of this journal that it has no trace of. Answers the node that has it. Errors: `token_invalid`, `not_here_yet`.
 */
export async function waitForToken(
  text: string,
  context: { readonly tokens: SiteTokens; readonly reads: MergedReads; readonly clock: Clock },
): Promise<NodeName | undefined> {
  const { tokens, reads, clock } = context
  const foreign = tokens.foreign(tokens.read(text))
  if (foreign.length === 0) return undefined
  const deadlineMs = clock.monotonicMs() + waitMs
  for (;;) {
    const { missing, node } = await firstMissing(foreign, reads)
    if (!missing) return node
    if (clock.monotonicMs() >= deadlineMs) {
      throw new OutpostError(
        'not_here_yet',
        `Transaction ${missing.seq} of site ${missing.site} has not arrived here.`,
        {
          details: { ...missing },
        },
      )
    }
    await clock.sleep(pollMs)
  }
}

async function firstMissing(records: readonly SeenRecord[], reads: MergedReads) {
  const { rows, servedBy } = await reads.read<{ ordinal: string }>(
    `SELECT t.ordinal::text FROM unnest($1::text[], $2::uuid[], $3::bigint[]) WITH ORDINALITY AS t (site, epoch, seq, ordinal)
     WHERE NOT outpost.has_row(t.site, t.epoch, t.seq)
     ORDER BY t.ordinal LIMIT 1`,
    [records.map((r) => r.site), records.map((r) => r.epoch), records.map((r) => r.seq)],
    { timeoutMs: waitMs },
  )
  const row = rows[0]
  return { missing: row && records[Number(row.ordinal) - 1], node: servedBy }
}
