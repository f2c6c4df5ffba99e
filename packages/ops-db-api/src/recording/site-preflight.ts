import type { PreflightOptions } from 'outpost'

/**
 * How the service's site looks at constraints before it records. A row that others refer to counts as there for a
 * minute once it was seen: main's foreign keys are the authority, and this service deletes none of them.
 */
export function sitePreflight(
  options: Pick<PreflightOptions, 'budgetMs' | 'onFailed'> = {},
): PreflightOptions {
  return { trustReferencesMs: 60_000, ...options }
}
