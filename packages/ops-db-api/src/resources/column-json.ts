import type { ColumnKind, Resource } from './resource.ts'

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue }

/**
 * A column's value in JSON, the same whether it came through a driver's parser or as PostgreSQL's text: timestamps
 * are ISO 8601 in UTC with milliseconds, whole numbers are numbers as long as they are exact.
 */
export function columnJson(kind: ColumnKind, value: unknown): JsonValue {
  if (value === null || value === undefined) return null
  switch (kind) {
    case 'uuid':
    case 'text':
      return String(value)
    case 'integer':
    case 'bigint':
      return wholeJson(value)
    case 'number':
      return realJson(value)
    case 'boolean':
      return value === true || value === 't' || value === 'true'
    case 'timestamp':
      return timestampJson(value)
    case 'json':
      return (typeof value === 'string' ? JSON.parse(value) : value) as JsonValue
  }
}

/** A row of a resource: every column of the resource, in its order. */
export function rowJson(
  resource: Resource,
  row: Readonly<Record<string, unknown>>,
): Record<string, JsonValue> {
  const entries = Object.entries(resource.columns).map(
    ([name, kind]) => [name, columnJson(kind, row[name])] as const,
  )
  return Object.fromEntries(entries)
}

function wholeJson(value: unknown): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

function realJson(value: unknown): number | string {
  const number = Number(value)
  return Number.isFinite(number) ? number : String(value)
}

function timestampJson(value: unknown): string {
  const ms = value instanceof Date ? value.getTime() : instantMs(String(value))
  return Number.isNaN(ms) ? String(value) : new Date(ms).toISOString()
}

/** Milliseconds since 1970 of a timestamp as PostgreSQL writes it; NaN for infinity. */
export function instantMs(text: string): number {
  return Date.parse(isoText(text))
}

/** `2024-01-31 04:05:06.789+00` as PostgreSQL writes it → ISO 8601, which every JavaScript engine parses. */
function isoText(text: string): string {
  const withT = text.replace(' ', 'T')
  return /[+-]\d\d$/.test(withT) ? `${withT}:00` : withT
}
