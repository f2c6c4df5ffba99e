import { isOutpostError, type Site } from 'outpost'
import { isSocketError } from 'outpost/fastify'

/** How long a check may take; what it cannot learn by then, main decides. */
export const checkBudgetMs = 50

/** What a check learned about a row from the replica with everything pending over it. */
export type Presence =
  | { readonly kind: 'present'; readonly row: Readonly<Record<string, string | null>> }
  | { readonly kind: 'absent' }
  /** No database answered within the budget: the write is accepted and flagged. */
  | { readonly kind: 'unknown' }

/** Looks a row up by its id within {@link checkBudgetMs}; the rows that the site itself recorded need no database. */
export async function presenceOf(site: Site, table: string, id: string | number): Promise<Presence> {
  try {
    const found = await site.readRow(table, { id }, { node: 'replica', timeoutMs: checkBudgetMs })
    return found === undefined ? { kind: 'absent' } : { kind: 'present', row: found.row }
  } catch (error) {
    if (isUnavailable(error)) return { kind: 'unknown' }
    throw error
  }
}

/** Rows of a SELECT within the budget, or undefined when no database answered. */
export async function rowsWithinBudget(
  site: Site,
  sql: string,
  values: readonly unknown[],
): Promise<readonly Record<string, unknown>[] | undefined> {
  try {
    const { rows } = await site.read(sql, values, { node: 'replica', timeoutMs: checkBudgetMs })
    return rows
  } catch (error) {
    if (isUnavailable(error)) return undefined
    throw error
  }
}

/** True for an error that says nothing about the data: the database is away, slow or busy. */
export function isUnavailable(error: unknown): boolean {
  if (isOutpostError(error)) return error.status === 503 || error.status === 504
  if (isSocketError(error)) return true
  const sqlstate = error instanceof Error ? (error as { code?: unknown }).code : undefined
  return typeof sqlstate === 'string' && /^(08|40|53|55|57|58|XX)[0-9A-Z]{3}$/.test(sqlstate)
}
