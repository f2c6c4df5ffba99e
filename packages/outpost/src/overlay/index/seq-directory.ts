const pageBits = 12
const pageSize = 1 << pageBits

interface Page {
  readonly heads: Int32Array
  used: number
}

/** First entry of each transaction in the overlay, in pages: sequences are dense but leave in runs. */
export class SeqDirectory {
  readonly #pages = new Map<number, Page>()
  #count = 0

  get size(): number {
    return this.#count
  }

  /** The oldest and the newest transaction; undefined when there is none. */
  get range(): { readonly first: number; readonly last: number } | undefined {
    if (this.#count === 0) return undefined
    let [lowest, highest] = [Number.POSITIVE_INFINITY, 0]
    for (const number of this.#pages.keys()) {
      lowest = Math.min(lowest, number)
      highest = Math.max(highest, number)
    }
    const isUsed = (head: number): boolean => head !== -1
    const first = lowest * pageSize + this.#pages.get(lowest)!.heads.findIndex(isUsed)
    const last = highest * pageSize + this.#pages.get(highest)!.heads.findLastIndex(isUsed)
    return { first, last }
  }

  /** The transaction's first entry, or -1. */
  get(seq: number): number {
    return this.#pages.get(Math.floor(seq / pageSize))?.heads[seq % pageSize] ?? -1
  }

  set(seq: number, entry: number): void {
    const number = Math.floor(seq / pageSize)
    let page = this.#pages.get(number)
    if (!page) {
      page = { heads: new Int32Array(pageSize).fill(-1), used: 0 }
      this.#pages.set(number, page)
    }
    if (page.heads[seq % pageSize] === -1) {
      page.used++
      this.#count++
    }
    page.heads[seq % pageSize] = entry
  }

  delete(seq: number): void {
    const number = Math.floor(seq / pageSize)
    const page = this.#pages.get(number)
    if (!page || page.heads[seq % pageSize] === -1) return
    page.heads[seq % pageSize] = -1
    page.used--
    this.#count--
    if (page.used === 0) this.#pages.delete(number)
  }
}
