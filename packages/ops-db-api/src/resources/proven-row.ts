import { isOutpostError, type ReadOptions, type Site } from 'outpost'
import { ProblemError } from 'outpost/fastify'
import type { Resource } from './resource.ts'

type FoundRow = NonNullable<Awaited<ReturnType<Site['readRow']>>>

/** How long main may take to say whether it has a row that the replica lacks. */
const mainBudgetMs = 1_000
/** The same for a token of another site, which main proves in some round trips more. */
const mainTokenBudgetMs = 3_000

/**
 * A row by id; undefined only where its absence is proven (N21). A replica runs behind, so a site that may
 * read on one asks main too before it says that there is no such row. Error: `not_here_yet` when main cannot be asked.
 */
export async function provenRow(
  site: Site,
  resource: Resource,
  id: string,
  options: ReadOptions = {},
): Promise<FoundRow | undefined> {
  const found = await site.readRow(resource.table, { id }, options)
  if (found !== undefined || site.readsMainOnly) return found
  return rowOnMain(site, resource, id, options.token)
}

/** The second half of {@link provenRow}, for a caller that already knows that the replica lacks the row. */
export async function rowOnMain(
  site: Site,
  resource: Resource,
  id: string,
  token?: string,
): Promise<FoundRow | undefined> {
  const timeoutMs = token === undefined ? mainBudgetMs : mainTokenBudgetMs
  try {
    return await site.readRow(resource.table, { id }, { node: 'main', timeoutMs, ...(token && { token }) })
  } catch (error) {
    if (!isOutpostError(error) || error.status < 500) throw error
    throw new ProblemError(
      'not_here_yet',
      `The ${resource.noun} ${id} is not known at this site, and main cannot be asked.`,
      {
        retryAfterSeconds: 5,
        cause: error,
      },
    )
  }
}
