import { ProblemError } from 'outpost/fastify'
import type { Resource } from '../resources/resource.ts'
import type { RecordingContext } from './recording-context.ts'

type Seen = { readonly seen?: Readonly<Record<string, string | null>> }

/**
 * What a change of a row rests on, where main compares it (`compare_and_set`): what this site shows of these columns.
 * Elsewhere nothing is asked. Errors: 404 where there is no such row; `not_here_yet` where nobody can tell, since such a
 * change could only be refused later.
 */
export async function seenOf(
  { site, checks }: Pick<RecordingContext, 'site' | 'checks'>,
  resource: Resource,
  id: string,
  columns: readonly string[],
): Promise<Seen> {
  if (site.catalog.policies?.get(resource.table) !== 'compare_and_set') return {}
  const row = (await checks.present(resource, id)) ?? (await knownHere(site, resource, id))
  const seen = Object.fromEntries(columns.flatMap((name) => (name in row ? [[name, row[name] ?? null]] : [])))
  if (Object.keys(seen).length > 0) return { seen }
  throw new ProblemError('not_here_yet', `What the ${resource.noun} ${id} is now cannot be told here.`, {
    hint: 'Its conflict policy compares it on main. Send the request again when a database answers.',
  })
}

/** Without any database: what this site itself has pending or has changed lately. */
async function knownHere(site: RecordingContext['site'], { table }: Resource, id: string) {
  const pending = await site.pendingRow(table, { id })
  return { ...(await site.recentChanges(table, { id })), ...pending?.row }
}
