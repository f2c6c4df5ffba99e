import type { TokenMap } from './token-map.ts'

/** Where a top-level SELECT of a statement can be extended. Bytes in the text. */
export interface TopLeaf {
  /** End of the select list: before FROM, or where the list ends without one. */
  readonly listEnd: number
  /** The condition after WHERE; without one, where a WHERE goes. */
  readonly where: { readonly start: number; readonly end: number } | { readonly at: number }
  /** Bytes of the word TABLE in `TABLE t`, which takes no WHERE. */
  readonly tableWord: { readonly start: number; readonly end: number } | undefined
}

const afterWhere: ReadonlySet<string> = new Set([
  'GROUP',
  'HAVING',
  'WINDOW',
  'ORDER',
  'LIMIT',
  'OFFSET',
  'FETCH',
  'FOR',
])
const setOperations: ReadonlySet<string> = new Set(['UNION', 'INTERSECT', 'EXCEPT'])

/**
 * The SELECTs whose rows a statement returns: itself, or each side of its set operations. Undefined where one is
 * VALUES or the text is of a form not followed here; the statement must then be wrapped as a whole.
 */
export function topLeaves(tokens: TokenMap): readonly TopLeaf[] | undefined {
  let end = tokens.tokens.length
  while (end > 0 && tokens.tokens[end - 1]!.text === ';') end--
  const leaves: TopLeaf[] = []
  return new LeafFinder(tokens, leaves).query(0, end) ? leaves : undefined
}

class LeafFinder {
  readonly #map: TokenMap
  readonly #leaves: TopLeaf[]

  constructor(map: TokenMap, leaves: TopLeaf[]) {
    this.#map = map
    this.#leaves = leaves
  }

  query(from: number, to: number): boolean {
    const start = this.#mainStart(from, to)
    if (start === undefined) return false
    const depth = this.#depth(start)
    let partStart = start
    for (let index = start; index <= to; index++) {
      const isEnd = index === to
      if (!isEnd && !(this.#depth(index) === depth && this.#isOne(index, setOperations))) continue
      if (!this.#part(partStart, index)) return false
      partStart = index + 1
      const quantifier = this.#text(partStart)
      if (quantifier === 'ALL' || quantifier === 'DISTINCT') partStart++
    }
    return true
  }

  /** After the WITH clause: the first SELECT, VALUES, TABLE or parenthesis that follows a closed query. */
  #mainStart(from: number, to: number): number | undefined {
    if (this.#text(from) !== 'WITH') return from
    const depth = this.#depth(from)
    for (let index = from + 1; index < to; index++) {
      if (this.#depth(index) !== depth) continue
      const text = this.#text(index)
      if (text === '(' && this.#text(index - 1) === ')') return index
      if ((text === 'SELECT' || text === 'VALUES' || text === 'TABLE') && this.#map.isKeyword(index, text)) {
        return index
      }
    }
    return undefined
  }

  #part(from: number, to: number): boolean {
    const first = this.#text(from)
    if (first === '(') return this.query(from + 1, this.#closing(from, to))
    if (first !== 'SELECT' && first !== 'TABLE') return false
    const depth = this.#depth(from)
    let list: number | undefined
    let where: number | undefined
    let end = to
    for (let index = from + 1; index < to && end === to; index++) {
      if (this.#depth(index) !== depth) continue
      if (this.#isOne(index, afterWhere) && this.#text(index - 1) !== 'WITHIN') end = index
      else if (this.#map.isKeyword(index, 'FROM') && this.#text(index - 1) !== 'DISTINCT') list ??= index
      else if (this.#map.isKeyword(index, 'WHERE')) where ??= index
    }
    const endByte = this.#endOf(end - 1)
    const word = this.#map.tokens[from]!
    this.#leaves.push({
      listEnd: this.#endOf((list ?? where ?? end) - 1),
      where: where === undefined ? { at: endByte } : { start: this.#endOf(where), end: endByte },
      tableWord: first === 'TABLE' ? { start: word.start, end: word.end } : undefined,
    })
    return true
  }

  #closing(open: number, to: number): number {
    const depth = this.#depth(open)
    let index = open + 1
    while (index < to && this.#depth(index) !== depth) index++
    return index
  }

  #isOne(index: number, words: ReadonlySet<string>): boolean {
    const text = this.#text(index)
    return text !== undefined && words.has(text) && this.#map.isKeyword(index, text)
  }

  #text(index: number): string | undefined {
    return this.#map.tokens[index]?.text
  }

  #depth(index: number): number {
    return this.#map.tokens[index]?.depth ?? 0
  }

  #endOf(index: number): number {
    return this.#map.tokens[index]?.end ?? 0
  }
}
