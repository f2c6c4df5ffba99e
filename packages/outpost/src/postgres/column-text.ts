import type { Column } from './catalog.ts'
import { quoteIdent } from './quote.ts'

/** SQL for a column's value as the text that a journalled row has, whatever the session's time zone. */
export function textOf(column: Column): string {
  const name = quoteIdent(column.name)
  const { base, kind } = column.type
  // The cast to text writes `true` and cuts padding off, where the output function writes `t` and keeps it.
  if (kind === 'base' && (base === 'bool' || base === 'bpchar')) return `textin(${base}out(${name}))`
  if (kind !== 'base' || base !== 'timestamptz') return `${name}::text`
  return `CASE WHEN isfinite(${name}) THEN (${name} AT TIME ZONE 'UTC')::text || '+00' ELSE ${name}::text END`
}
