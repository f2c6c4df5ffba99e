import { expectString } from './check-text.ts'
import { refuse } from './value-problem.ts'

const canonical = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
/** What `uuid_in` takes: hyphens after any group of four digits, braces around the whole. */
const lenient = /^(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}$/

/** Lower-case canonical form. */
export function uuidText(value: unknown): string {
  const text = expectString(value, 'a UUID')
  if (canonical.test(text)) return text
  const lower = text.toLowerCase()
  const bare = lower.startsWith('{') && lower.endsWith('}') ? lower.slice(1, -1) : lower
  if (!lenient.test(bare)) refuse(value, 'is not a UUID')
  const hex = bare.replaceAll('-', '')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
