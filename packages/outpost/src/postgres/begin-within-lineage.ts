import pg from 'pg'
import { OutpostError } from '../errors/outpost-error.ts'
import { sqlstateOf } from './sqlstate.ts'

/**
 * Begins a transaction on a main that descends from the one that the site knows (N4), in one message. A pooler may
 * have put another server there a moment ago, which would take a write that is then lost. An undefined lineage is that
 * of a site before its first contact: any main will do. Error: `lineage_refused`, with no transaction left open.
 */
export async function beginWithinLineage(
  client: Pick<pg.ClientBase, 'query'>,
  lineage: string | undefined,
): Promise<void> {
  if (lineage === undefined) {
    await client.query('BEGIN')
    return
  }
  try {
    await client.query(`BEGIN; SELECT outpost.covers(${pg.escapeLiteral(lineage)}::uuid, NULL, NULL, NULL)`)
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    if (sqlstateOf(error) !== 'OP001') throw error
    throw new OutpostError(
      'lineage_refused',
      'Main does not descend from the server that this site wrote to: nothing was written.',
      { cause: error },
    )
  }
}
