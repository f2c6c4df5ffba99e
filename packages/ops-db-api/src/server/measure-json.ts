export interface JsonLimits {
  /** Members and items, in all objects and lists together. */
  readonly values: number
  /** Objects and lists inside one another. */
  readonly depth: number
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const openBrace = 0x7b
const openBracket = 0x5b
const closeBrace = 0x7d
const closeBracket = 0x5d

/**
 * Whether a JSON text is within limits, by its punctuation alone. A parser makes millions of values of a few megabytes
 * before anybody can count them, and keeps every other request waiting meanwhile; this takes about 1 ns a byte.
 */
export function measureJson(bytes: Buffer, limits: JsonLimits): 'fits' | 'too_many' | 'too_deep' {
  let values = 0
  let depth = 0
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]!) {
      case quote:
        at = endOfText(bytes, at)
        break
      case openBrace:
      case openBracket:
        if (++depth > limits.depth) return 'too_deep'
        if (++values > limits.values) return 'too_many'
        break
      case closeBrace:
      case closeBracket:
        depth--
        break
      case comma:
        if (++values > limits.values) return 'too_many'
        break
      default:
        break
    }
  }
  return 'fits'
}

/** Where the text that begins here ends: its closing quote, or the end of all for one that has none. */
function endOfText(bytes: Buffer, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    if (bytes[at] === backslash) at++
    else if (bytes[at] === quote) return at
  }
  return bytes.length
}
