const pageBits = 14
const pageSize = 1 << pageBits
const pageMask = pageSize - 1

/**
 * 32-bit numbers in pages of 64 KiB. Growing copies nothing, leaves nothing behind for the collector, and less than a
 * page is ever unused: a million pending rows come by the dozen such columns.
 */
export class PagedInt32 {
  readonly #pages: Int32Array[] = []

  /** Makes room for all places below `count`. */
  reserve(count: number): void {
    while (this.#pages.length * pageSize < count) this.#pages.push(new Int32Array(pageSize))
  }

  get(place: number): number {
    return this.#pages[place >>> pageBits]![place & pageMask]!
  }

  set(place: number, value: number): void {
    this.#pages[place >>> pageBits]![place & pageMask] = value
  }
}

/** Bytes in pages, as {@link PagedInt32}. */
export class PagedUint8 {
  readonly #pages: Uint8Array[] = []

  reserve(count: number): void {
    while (this.#pages.length * pageSize < count) this.#pages.push(new Uint8Array(pageSize))
  }

  get(place: number): number {
    return this.#pages[place >>> pageBits]![place & pageMask]!
  }

  set(place: number, value: number): void {
    this.#pages[place >>> pageBits]![place & pageMask] = value
  }
}

/** 64-bit numbers in pages, as {@link PagedInt32}. */
export class PagedFloat64 {
  readonly #pages: Float64Array[] = []

  reserve(count: number): void {
    while (this.#pages.length * pageSize < count) this.#pages.push(new Float64Array(pageSize))
  }

  get(place: number): number {
    return this.#pages[place >>> pageBits]![place & pageMask]!
  }

  set(place: number, value: number): void {
    this.#pages[place >>> pageBits]![place & pageMask] = value
  }
}
