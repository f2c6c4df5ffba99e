import type { ColumnType } from '../../postgres/catalog.ts'
import { checkText } from './check-text.ts'
import { refuse } from './value-problem.ts'

type Encode = (value: unknown, type: ColumnType) => string

/** A composite from an object by field name, an array by position, or PostgreSQL's own `(a,"b c",)`. */
export function compositeText(value: unknown, type: ColumnType, encode: Encode): string {
  const fields = type.fields ?? []
  const items = fieldValues(value, fields)
  const texts = fields.map((field, index) => {
    const item = items[index]
    return item === null || item === undefined ? '' : quoteField(encode(item, field.type))
  })
  return `(${texts.join(',')})`
}

function fieldValues(value: unknown, fields: NonNullable<ColumnType['fields']>): readonly unknown[] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return byName(value, fields)
  const items: unknown = typeof value === 'string' ? parseComposite(checkText(value)) : value
  if (!Array.isArray(items)) return refuse(value, 'is not a composite value')
  if (items.length !== fields.length)
    refuse(value, `has ${items.length} fields where ${fields.length} are needed`)
  return items
}

function byName(value: object, fields: NonNullable<ColumnType['fields']>): readonly unknown[] {
  const unknown = Object.keys(value).find((name) => !fields.some((field) => field.name === name))
  if (unknown !== undefined) refuse(unknown, 'is not a field of the composite type')
  const members = new Map<string, unknown>(Object.entries(value))
  return fields.map((field) => members.get(field.name))
}

/** Quoted where `record_out` quotes; quotes and backslashes are doubled. */
function quoteField(text: string): string {
  return text !== '' && !/["\\(), \t\n\r\v\f]/.test(text) ? text : `"${text.replace(/["\\]/g, '$&$&')}"`
}

/** The field texts of `(a,"b c",)`; an empty field is null. */
export function parseComposite(text: string): readonly (string | null)[] {
  const trimmed = text.trim()
  const fail = (): never => refuse(text, 'is not a composite value such as (1,"two words",)')
  if (!trimmed.startsWith('(') || !trimmed.endsWith(')')) fail()
  const body = trimmed.slice(1, -1)
  const items: (string | null)[] = []
  let at = 0
  for (;;) {
    const [item, end] = readQuotable(body, at, ',') ?? fail()
    items.push(item)
    if (end >= body.length) return items
    at = end + 1
  }
}

/**
 * One field up to a stop character: quoted parts, doubled quotes and backslash escapes worked out; null when it is
 * empty and unquoted; undefined when a quote stays open. Shared with ranges, which quote the same way.
 */
export function readQuotable(
  text: string,
  from: number,
  stop: string,
): readonly [string | null, number] | undefined {
  let [content, isQuoted, wasQuoted, at] = ['', false, false, from]
  for (; at < text.length && (isQuoted || text[at] !== stop); at++) {
    if (text[at] === '\\') content += text[++at] ?? ''
    else if (text[at] !== '"') content += text[at]
    else if (isQuoted && text[at + 1] === '"') content += text[++at]
    else {
      isQuoted = !isQuoted
      wasQuoted = true
    }
  }
  if (isQuoted) return undefined
  return [content === '' && !wasQuoted ? null : content, at]
}
