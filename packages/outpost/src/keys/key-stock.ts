import { countOf, type KeyRange, type KeyRangeText, rangeOf, rangeText, withoutFirst } from './key-range.ts'

/** Numbers that were reserved together. */
export interface KeyBlock {
  /** Of the main that last said that they are this site's. */
  readonly lineage: string
  /**
   * Every standby that could become main must have come so far (`timeline/LSN`) before a number is used: else a main to
   * come could give it out again. Absent once they have.
   */
  readonly position?: string
  readonly ranges: readonly KeyRange[]
}

/** How many numbers are noted as used before they are: a restart loses no more than these. */
const aheadShare = 50

interface StockText {
  readonly text: string
  readonly through: number
  readonly version: number
}

/**
 * The numbers of one table that a site holds.
 *
 * Invariant: what `text` says when it is stored leaves out every number handed out until then; a number may be used in
 * the journal only once such a text is durable (`isNoted`).
 */
export class KeyStock {
  readonly column: string
  blockSize: number
  #blocks: readonly KeyBlock[]
  /** Handed out since the stock was made. */
  #drawn = 0
  /** Of these numbers, counted like `#drawn`, a durable text leaves out that many. */
  #noted = 0
  /** A text made before main took numbers back says nothing about those behind them. */
  #version = 0

  constructor(column: string, blockSize: number, blocks: readonly KeyBlock[] = []) {
    this.column = column
    this.blockSize = blockSize
    this.#blocks = blocks
  }

  get blocks(): readonly KeyBlock[] {
    return this.#blocks
  }

  /** What a durable text says that is not: numbers that were noted as used ahead are still to be had. */
  get count(): number {
    return this.#blocks.reduce((sum, { ranges }) => sum + countOf(ranges), 0)
  }

  get drawn(): number {
    return this.#drawn
  }

  /** Whether it is time to note more numbers as used. */
  get mustNote(): boolean {
    return this.#noted - this.#drawn < this.#ahead / 2 && this.count > 0
  }

  isNoted(drawn: number): boolean {
    return this.#noted >= drawn
  }

  usable(lineage: string | undefined): number {
    const end = this.#blocks.findIndex((block) => !isUsable(block, lineage))
    return this.#blocks
      .slice(0, end < 0 ? undefined : end)
      .reduce((sum, { ranges }) => sum + countOf(ranges), 0)
  }

  /** The next number that may be used; undefined when there is none. */
  draw(lineage: string | undefined): bigint | undefined {
    // In their order, since what is noted as used is counted from the front.
    const [block, ...rest] = this.#blocks
    const range = block?.ranges[0]
    if (block === undefined || range === undefined || !isUsable(block, lineage)) return undefined
    const ranges = withoutFirst(block.ranges, 1)
    this.#blocks = ranges.length === 0 ? rest : [{ ...block, ranges }, ...rest]
    this.#drawn++
    return range.first
  }

  add(block: KeyBlock): void {
    if (block.ranges.length > 0) this.#blocks = [...this.#blocks, block]
  }

  /** Changes blocks by what main said; a block without ranges goes. Numbers drawn meanwhile stay drawn. */
  replace(change: (block: KeyBlock) => KeyBlock): void {
    const before = this.count
    this.#blocks = this.#blocks.map(change).filter(({ ranges }) => ranges.length > 0)
    if (this.count === before) return
    this.#version++
    this.#noted = Math.min(this.#noted, this.#drawn)
  }

  /** What to store, and up to where it notes numbers as used: tell `noted` once it is durable. */
  text(): StockText {
    const through = this.#drawn + Math.min(this.#ahead, this.count)
    let skip = through - this.#drawn
    const blocks = this.#blocks.flatMap(({ lineage, position, ranges }) => {
      const left = withoutFirst(ranges, skip)
      skip -= countOf(ranges) - countOf(left)
      return left.length === 0
        ? []
        : [{ lineage, ...(position !== undefined && { position }), ranges: left.map(rangeText) }]
    })
    const text = JSON.stringify({ column: this.column, blockSize: this.blockSize, blocks })
    return { text, through, version: this.#version }
  }

  noted({ through, version }: StockText): void {
    if (version === this.#version) this.#noted = Math.max(this.#noted, through)
  }

  static parse(text: string): KeyStock {
    const { column, blockSize, blocks } = JSON.parse(text) as {
      readonly column: string
      readonly blockSize: number
      readonly blocks: readonly (Omit<KeyBlock, 'ranges'> & { readonly ranges: readonly KeyRangeText[] })[]
    }
    return new KeyStock(
      column,
      blockSize,
      blocks.map((block) => ({ ...block, ranges: block.ranges.map(rangeOf) })),
    )
  }

  get #ahead(): number {
    return Math.max(1, Math.floor(this.blockSize / aheadShare))
  }
}

/** Its main is the present one, and every main to come has it. */
export function isUsable(block: KeyBlock, lineage: string | undefined): boolean {
  return block.position === undefined && (lineage === undefined || block.lineage === lineage)
}
