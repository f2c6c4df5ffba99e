/** An array as PostgreSQL writes it: elements may be null or, for more dimensions, arrays. */
export type ArrayElement = string | null | readonly ArrayElement[]

/** Reads an array's text form with default bounds. Undefined when malformed or with explicit bounds. */
export function parseArrayText(text: string, delimiter = ','): readonly ArrayElement[] | undefined {
  if (text[0] !== '{') return undefined
  const reader = new ArrayReader(text, delimiter)
  const elements = reader.list()
  return elements && reader.at === text.length ? elements : undefined
}

class ArrayReader {
  readonly #text: string
  readonly #delimiter: string
  at = 0

  constructor(text: string, delimiter: string) {
    this.#text = text
    this.#delimiter = delimiter
  }

  list(): ArrayElement[] | undefined {
    const elements: ArrayElement[] = []
    this.at++
    if (this.#text[this.at] === '}') {
      this.at++
      return elements
    }
    for (;;) {
      const element = this.#element()
      if (element === undefined) return undefined
      elements.push(element)
      const next = this.#text[this.at++]
      if (next === '}') return elements
      if (next !== this.#delimiter) return undefined
    }
  }

  #element(): ArrayElement | undefined {
    const first = this.#text[this.at]
    if (first === '{') return this.list()
    if (first === '"') return this.#quoted()
    const start = this.at
    while (this.at < this.#text.length && !this.#ends(this.#text[this.at]!)) this.at++
    const bare = this.#text.slice(start, this.at)
    if (bare === '' || bare.includes('\\') || bare.includes('"')) return undefined
    return bare.toUpperCase() === 'NULL' ? null : bare
  }

  #ends(character: string): boolean {
    return character === this.#delimiter || character === '}'
  }

  #quoted(): string | undefined {
    let value = ''
    for (this.at++; this.at < this.#text.length; this.at++) {
      const character = this.#text[this.at]!
      if (character === '"') {
        this.at++
        return value
      }
      value += character === '\\' ? (this.#text[++this.at] ?? '') : character
    }
    return undefined
  }
}

/** One element of an array's text form, always quoted: correct for any content. */
export const quoteArrayElement = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`

/** A one-dimensional array in text form. */
export function formatArrayText(elements: readonly (string | null)[]): string {
  return `{${elements.map((element) => (element === null ? 'NULL' : quoteArrayElement(element))).join(',')}}`
}

/** A composite value in text form; an absent field is null. */
export function formatCompositeText(fields: readonly (string | null)[]): string {
  return `(${fields.map((field) => (field === null ? '' : `"${field.replace(/["\\]/g, '$&$&')}"`)).join(',')})`
}
