import { checkText } from './check-text.ts'
import { joinItems, joinMembers, jsonNumber, maximumJsonDepth } from './json-writer.ts'
import { refuse } from './value-problem.ts'

const blank = /[ \t\n\r]*/y
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const words = ['true', 'false', 'null'] as const

/**
 * JSON text as `jsonb` writes it back: one space after `:` and `,`, keys by length and bytes, the last of duplicate
 * keys, numbers by the rules of `numeric`. Own parser, because `JSON.parse` loses digits of large numbers.
 */
export function canonicalJson(text: string): string {
  const reader = new JsonReader(text)
  return reader.document()
}

class JsonReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): string {
    const canonical = this.#value(0)
    this.#skipBlank()
    return this.#at === this.#text.length ? canonical : this.#fail()
  }

  #value(depth: number): string {
    if (depth > maximumJsonDepth) refuse(this.#text, `is nested deeper than ${maximumJsonDepth} levels`)
    this.#skipBlank()
    switch (this.#text.charAt(this.#at)) {
      case '{':
        return this.#object(depth)
      case '[':
        return this.#array(depth)
      case '"':
        return JSON.stringify(this.#string())
      default:
        return this.#word() ?? jsonNumber(this.#match(number), 'jsonb')
    }
  }

  #object(depth: number): string {
    this.#at++
    const members = new Map<string, string>()
    if (this.#take('}')) return '{}'
    do {
      this.#skipBlank()
      const key = this.#string()
      if (!this.#take(':')) this.#fail()
      members.set(key, this.#value(depth + 1))
    } while (this.#take(','))
    return this.#take('}') ? joinMembers([...members], 'jsonb') : this.#fail()
  }

  #array(depth: number): string {
    this.#at++
    const items: string[] = []
    if (this.#take(']')) return '[]'
    do items.push(this.#value(depth + 1))
    while (this.#take(','))
    return this.#take(']') ? joinItems(items, 'jsonb') : this.#fail()
  }

  #string(): string {
    const start = this.#at
    if (this.#text[start] !== '"') this.#fail()
    let end = start + 1
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1
    this.#at = end + 1
    let text: string
    try {
      text = JSON.parse(this.#text.slice(start, end + 1)) as string
    } catch {
      return this.#fail()
    }
    return checkText(text)
  }

  #word(): string | undefined {
    const word = words.find((candidate) => this.#text.startsWith(candidate, this.#at))
    if (word !== undefined) this.#at += word.length
    return word
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const token = pattern.exec(this.#text)?.[0] ?? this.#fail()
    this.#at += token.length
    return token
  }

  #take(character: string): boolean {
    this.#skipBlank()
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #skipBlank(): void {
    blank.lastIndex = this.#at
    this.#at += blank.exec(this.#text)?.[0].length ?? 0
  }

  #fail(): never {
    return refuse(this.#text, 'is not JSON text (a JSON string needs its own quotes)')
  }
}
