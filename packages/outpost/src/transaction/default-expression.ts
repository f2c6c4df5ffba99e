/** A column default that a site can evaluate without main, or a sequence, which it cannot. */
export type DefaultExpression =
  | { readonly kind: 'null' }
  /** `modifier` is the cast's type where it carries a length, which could cut the constant. */
  | { readonly kind: 'constant'; readonly value: unknown; readonly modifier?: string }
  | { readonly kind: 'now'; readonly precision: number }
  | { readonly kind: 'uuid_v4' }
  | { readonly kind: 'uuid_v7' }
  | { readonly kind: 'sequence' }

const call =
  /^(?:"?[a-z_][a-z0-9_$]*"?\.)?(now|transaction_timestamp|statement_timestamp|clock_timestamp|gen_random_uuid|uuid_generate_v4|uuidv4|uuidv7)\(\)/i
const timeWord = /^(CURRENT_TIMESTAMP|CURRENT_DATE|CURRENT_TIME|LOCALTIMESTAMP|LOCALTIME)(?:\((\d)\))?/i
const utcWord = /^ AT TIME ZONE '(?:utc|UTC|Etc\/UTC)'(?:::text)?/i
const cast = /^::((?:[^():,\][']|\(\d+(?:,-?\d+)?\)|\[\])+)/
const literal = /^'((?:[^']|'')*)'/
const number = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/
const word = /^(true|false|null)\b/i

/**
 * Reads a default as `pg_get_expr` prints it: constants with casts, `ARRAY[…]` of them, the present time, new UUIDs
 * and `nextval`. Undefined for everything else.
 */
export function parseDefault(sql: string): DefaultExpression | undefined {
  if (/^(?:pg_catalog\.)?nextval\(/i.test(sql)) return { kind: 'sequence' }
  const parsed = expression(sql.trim())
  return parsed !== undefined && parsed.rest === '' ? parsed.value : undefined
}

interface Parsed {
  readonly value: DefaultExpression
  readonly rest: string
}

function expression(sql: string): Parsed | undefined {
  const inner = sql.startsWith('(') ? parenthesised(sql) : primary(sql)
  return inner === undefined ? undefined : casts(inner)
}

function parenthesised(sql: string): Parsed | undefined {
  const inner = expression(sql.slice(1))
  if (inner === undefined) return undefined
  const rest = inner.value.kind === 'now' ? inner.rest.replace(utcWord, '') : inner.rest
  return rest.startsWith(')') ? { value: inner.value, rest: rest.slice(1) } : undefined
}

function casts({ value, rest }: Parsed): Parsed {
  let current: Parsed = { value, rest }
  for (let match = cast.exec(rest); match !== null; match = cast.exec(current.rest)) {
    const hasLength = /\(\d/.test(match[1]!)
    const next =
      hasLength && current.value.kind === 'constant'
        ? { ...current.value, modifier: match[1]!.trim() }
        : current.value
    current = { value: next, rest: current.rest.slice(match[0].length) }
  }
  return current
}

function primary(sql: string): Parsed | undefined {
  return constant(sql) ?? array(sql) ?? time(sql) ?? made(sql)
}

function constant(sql: string): Parsed | undefined {
  const text = literal.exec(sql)
  if (text !== null) return found({ kind: 'constant', value: text[1]!.replaceAll("''", "'") }, sql, text[0])
  const digits = number.exec(sql)
  if (digits !== null) return found({ kind: 'constant', value: digits[0] }, sql, digits[0])
  const name = word.exec(sql)
  if (name === null) return undefined
  const lower = name[1]!.toLowerCase()
  return found(
    lower === 'null' ? { kind: 'null' } : { kind: 'constant', value: lower === 'true' },
    sql,
    name[0],
  )
}

function array(sql: string): Parsed | undefined {
  if (!/^ARRAY\[/i.test(sql)) return undefined
  const items: unknown[] = []
  let rest = sql.slice('ARRAY['.length)
  while (!rest.startsWith(']')) {
    const item = expression(rest)
    if (item === undefined || (item.value.kind !== 'constant' && item.value.kind !== 'null')) return undefined
    items.push(item.value.kind === 'null' ? null : item.value.value)
    if (!/^(, |,|(?=\]))/.test(item.rest)) return undefined
    rest = item.rest.replace(/^,\s*/, '')
  }
  return { value: { kind: 'constant', value: items }, rest: rest.slice(1) }
}

function time(sql: string): Parsed | undefined {
  const match = timeWord.exec(sql)
  if (match === null) return undefined
  return found({ kind: 'now', precision: match[2] === undefined ? -1 : Number(match[2]) }, sql, match[0])
}

function made(sql: string): Parsed | undefined {
  const match = call.exec(sql)
  if (match === null) return undefined
  const name = match[1]!.toLowerCase()
  if (name === 'uuidv7') return found({ kind: 'uuid_v7' }, sql, match[0])
  const isUuid = name.includes('uuid')
  return found(isUuid ? { kind: 'uuid_v4' } : { kind: 'now', precision: -1 }, sql, match[0])
}

function found(value: DefaultExpression, sql: string, token: string): Parsed {
  return { value, rest: sql.slice(token.length) }
}
