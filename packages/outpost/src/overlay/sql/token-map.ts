import { scanSync } from 'libpg-query'

export interface Token {
  /** Byte offsets in the UTF-8 text. */
  readonly start: number
  readonly end: number
  /** Upper case for keywords; as written for all else. */
  readonly text: string
  /** Parentheses that are open before it; an opening one counts as outside itself. */
  readonly depth: number
}

const commentNames: ReadonlySet<string> = new Set(['SQL_COMMENT', 'C_COMMENT'])

/**
 * The scanner answers in JSON and does not escape control characters. Outside of strings, comments and quoted names
 * they are white space or an error, and of those nothing but the place is used: they are replaced byte by byte.
 */
const scannable = (sql: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  sql.replace(/[\v\f]/g, ' ').replace(/[\0-\x08\x0e-\x1f]/g, '?')

/** The tokens of a statement without comments, findable by byte offset. */
export class TokenMap {
  readonly tokens: readonly Token[]
  readonly #byStart = new Map<number, number>()

  constructor(sql: string) {
    let depth = 0
    const tokens: Token[] = []
    for (const token of scanSync(scannable(sql)).tokens) {
      if (commentNames.has(token.tokenName)) continue
      if (token.text === ')' || token.text === ']') depth--
      this.#byStart.set(token.start, tokens.length)
      const text = token.keywordKind === 0 ? token.text : token.text.toUpperCase()
      tokens.push({ start: token.start, end: token.end, text, depth })
      if (token.text === '(' || token.text === '[') depth++
    }
    this.tokens = tokens
  }

  /** Index of the token that starts at this byte, -1 when none does. */
  indexAt(byte: number): number {
    return this.#byStart.get(byte) ?? -1
  }

  /** Index of the last token that starts at or before this byte. */
  indexBefore(byte: number): number {
    let low = 0
    let high = this.tokens.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.tokens[middle]!.start <= byte) low = middle
      else high = middle - 1
    }
    return low
  }

  /** A keyword used as itself: not a label after AS, nor a name after a dot. */
  isKeyword(index: number, text: string): boolean {
    if (this.tokens[index]?.text !== text) return false
    const before = this.tokens[index - 1]?.text
    return before !== 'AS' && before !== '.'
  }
}
