import { checkText } from './check-text.ts'
import { formatDecimal, parseDecimal } from './decimal.ts'
import { refuse } from './value-problem.ts'

/** Far below what PostgreSQL's stack takes, far above what a document needs. */
export const maximumJsonDepth = 1_000

export type JsonStyle = 'compact' | 'jsonb'

/** JSON text of a JavaScript value. Refuses what JSON.stringify would silently lose (NaN, functions, class instances). */
export function writeJson(value: unknown, style: JsonStyle, depth = 0): string {
  if (depth > maximumJsonDepth) refuse(value, `is nested deeper than ${maximumJsonDepth} levels`)
  if (value === null) return 'null'
  switch (typeof value) {
    case 'string':
      return JSON.stringify(checkText(value))
    case 'boolean':
      return String(value)
    case 'number':
    case 'bigint':
      return jsonNumber(String(value), style)
    case 'object':
      return writeComposite(value, style, depth)
    case 'undefined':
    case 'function':
    case 'symbol':
      break
  }
  return refuse(value, 'cannot be written as JSON')
}

function writeComposite(value: object, style: JsonStyle, depth: number): string {
  if (Array.isArray(value)) {
    return joinItems(
      value.map((item: unknown) => writeJson(item === undefined ? null : item, style, depth + 1)),
      style,
    )
  }
  if ('toJSON' in value && typeof value.toJSON === 'function')
    return writeJson(value.toJSON(), style, depth + 1)
  const prototype: unknown = Object.getPrototypeOf(value)
  const isPlain = prototype === null || prototype === Object.prototype
  if (!isPlain) refuse(value, 'is not a plain object: it cannot be written as JSON')
  const members: [string, string][] = []
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members.push([checkText(key), writeJson(member, style, depth + 1)])
  }
  return joinMembers(members, style)
}

/** `jsonb` keeps a number as `numeric`: exponent worked out, scale kept, no negative zero. */
export function jsonNumber(text: string, style: JsonStyle): string {
  if (style === 'compact' && /^-?\d/.test(text)) return text
  const decimal = parseDecimal(text) ?? refuse(text, 'is not a number that JSON can hold')
  return formatDecimal(decimal)
}

export function joinItems(items: readonly string[], style: JsonStyle): string {
  return `[${items.join(style === 'jsonb' ? ', ' : ',')}]`
}

/** Members in the order given, or for `jsonb` in its own: shorter keys first, then by bytes; keys are unique. */
export function joinMembers(members: [string, string][], style: JsonStyle): string {
  if (style === 'compact')
    return `{${members.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`
  if (members.length > 1) members.sort(compareKeys)
  return `{${members.map(([key, text]) => `${JSON.stringify(key)}: ${text}`).join(', ')}}`
}

function compareKeys([left]: readonly [string, string], [right]: readonly [string, string]): number {
  const leftBytes = Buffer.byteLength(left)
  const rightBytes = Buffer.byteLength(right)
  if (leftBytes !== rightBytes) return leftBytes - rightBytes
  if (leftBytes === left.length && rightBytes === right.length)
    return left < right ? -1 : left > right ? 1 : 0
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}
