import type { TokenMap } from './token-map.ts'

/** Where a top-level SELECT of a statement can be extended. Bytes in the text. */
export interface TopLeaf {
  /** End of the select list: before FROM, or where the list ends without one. */
  readonly listEnd: number
  /** The condition after WHERE; without one, where a WHERE goes. */
  readonly where: ByteRange | { readonly at: number }
  /** Bytes of the word TABLE in `TABLE t`, which takes no WHERE. */
  readonly tableWord: ByteRange | undefined
  readonly list: ByteRange
  /** What follows each of these words, up to the next clause. */
  readonly from: ByteRange | undefined
  readonly having: ByteRange | undefined
  /** ORDER BY and all that follows, with these words. */
  readonly tail: ByteRange
}

export interface ByteRange {
  readonly start: number
  readonly end: number
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
const clauseWords: ReadonlySet<string> = new Set(['FROM', 'WHERE', ...afterWhere])
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
    const clauses = this.#clauses(from, to)
    const firstOf = (...words: readonly string[]): number =>
      Math.min(to, ...words.flatMap((word) => clauses.get(word) ?? []))
    const afterFrom = firstOf('WHERE', ...afterWhere)
    const afterCondition = firstOf(...afterWhere)
    const sorted = firstOf('WINDOW', 'ORDER', 'LIMIT', 'OFFSET', 'FETCH', 'FOR')
    const [fromAt, where, having] = ['FROM', 'WHERE', 'HAVING'].map((word) => clauses.get(word))
    const listEnd = this.#endOf((fromAt ?? afterFrom) - 1)
    const range = (word: number | undefined, end: number): ByteRange | undefined =>
      word === undefined ? undefined : { start: this.#endOf(word), end: this.#endOf(end - 1) }
    const word = this.#map.tokens[from]!
    this.#leaves.push({
      listEnd,
      list: { start: word.end, end: listEnd },
      where: range(where, afterCondition) ?? { at: this.#endOf(afterCondition - 1) },
      tableWord: first === 'TABLE' ? { start: word.start, end: word.end } : undefined,
      from: range(fromAt, afterFrom),
      having: range(having, sorted),
      tail: { start: this.#endOf(sorted - 1), end: this.#endOf(to - 1) },
    })
    return true
  }

  /** Token of the first of each clause's word at the part's own depth. */
  #clauses(from: number, to: number): ReadonlyMap<string, number> {
    const depth = this.#depth(from)
    const found = new Map<string, number>()
    for (let index = from + 1; index < to; index++) {
      if (this.#depth(index) !== depth || !this.#isOne(index, clauseWords)) continue
      const text = this.#text(index)!
      const before = this.#text(index - 1)
      const isOperator =
        (text === 'GROUP' && before === 'WITHIN') || (text === 'FROM' && before === 'DISTINCT')
      if (!isOperator && !found.has(text)) found.set(text, index)
    }
    return found
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
