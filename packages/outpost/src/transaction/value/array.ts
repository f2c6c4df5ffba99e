import type { ColumnType } from '../../postgres/catalog.ts'
import { checkText } from './check-text.ts'
import { elementType } from './element-type.ts'
import { refuse } from './value-problem.ts'

/** PostgreSQL's MAXDIM. */
const maximumDimensions = 6

type Nested = string | null | readonly Nested[]
type Encode = (value: unknown, type: ColumnType) => string

/**
 * An array from a JavaScript array (nested arrays are dimensions, null is NULL) or from PostgreSQL's own text.
 * Lower bounds other than 1 are refused. All parts of a dimension have the same length.
 */
export function arrayText(value: unknown, type: ColumnType, encode: Encode): string {
  const input: unknown = typeof value === 'string' ? parseArray(checkText(value)) : value
  if (!Array.isArray(input)) return refuse(value, 'is not an array')
  const element = elementType(type)
  const delimiter = element.base === 'box' ? ';' : ','
  const lengths: number[] = []
  const text = write(input, 0)
  if (!lengths.includes(0)) return text
  // PostgreSQL before 17 cannot read `{{}}`; nested empty JavaScript arrays mean the empty array all the same.
  return typeof value === 'string' && lengths.length > 1 ? refuse(value, 'has an empty dimension') : '{}'

  function write(items: readonly unknown[], depth: number): string {
    if (depth >= maximumDimensions) refuse(value, `has more than ${maximumDimensions} dimensions`)
    lengths[depth] ??= items.length
    if (lengths[depth] !== items.length) refuse(value, 'has parts of different lengths')
    const isLeaf = !items.some((item) => Array.isArray(item))
    if (isLeaf && lengths.length > depth + 1) refuse(value, 'mixes values and arrays')
    return `{${items.map((item) => (isLeaf ? leaf(item) : branch(item, depth))).join(delimiter)}}`
  }

  function branch(item: unknown, depth: number): string {
    return Array.isArray(item) ? write(item, depth + 1) : refuse(value, 'mixes values and arrays')
  }

  function leaf(item: unknown): string {
    return item === null || item === undefined ? 'NULL' : quoteElement(encode(item, element), delimiter)
  }
}

const plainElement = /^[^\s"\\{},;]+$/

/** Quoted where `array_out` quotes. */
function quoteElement(text: string, delimiter: string): string {
  const isPlain = text !== '' && text.toLowerCase() !== 'null' && !needsQuotes(text, delimiter)
  return isPlain ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}

function needsQuotes(text: string, delimiter: string): boolean {
  if (plainElement.test(text)) return false
  return text.includes(delimiter) || /["\\{} \t\n\r\v\f]/.test(text)
}

/** PostgreSQL's array text as nested arrays of element texts. */
export function parseArray(text: string, delimiter = ','): readonly Nested[] {
  let at = 0
  const fail = (): never => refuse(text, 'is not an array such as {1,2,NULL}')
  const skip = (): void => {
    while (at < text.length && /[ \t\n\r\v\f]/.test(text[at]!)) at++
  }
  skip()
  const result = list()
  skip()
  return at === text.length ? result : fail()

  function list(): readonly Nested[] {
    if (text[at++] !== '{') fail()
    const items: Nested[] = []
    skip()
    if (text[at] === '}') {
      at++
      return items
    }
    for (;;) {
      skip()
      items.push(text[at] === '{' ? list() : text[at] === '"' ? quoted() : bare())
      skip()
      const next = text[at++]
      if (next === '}') return items
      if (next !== delimiter) fail()
    }
  }

  function quoted(): string {
    let content = ''
    for (at++; text[at] !== '"'; at++) {
      if (text[at] === '\\') at++
      if (at >= text.length) fail()
      content += text[at]
    }
    at++
    return content
  }

  function bare(): string | null {
    let content = ''
    let isEscaped = false
    while (at < text.length && text[at] !== delimiter && text[at] !== '}') {
      if (text[at] === '"' || text[at] === '{') fail()
      if (text[at] === '\\') {
        isEscaped = true
        at++
      }
      content += text[at++] ?? fail()
    }
    const trimmed = isEscaped ? content : content.replace(/[ \t\n\r\v\f]+$/, '')
    if (trimmed === '') fail()
    return !isEscaped && trimmed.toLowerCase() === 'null' ? null : trimmed
  }
}
