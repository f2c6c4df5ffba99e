import { randomInt } from 'node:crypto'

/**
 * A 64-bit hash of a sequence of texts in two 32-bit lanes, seeded per process: a client that chooses its own ids
 * cannot aim for collisions, and among a million rows the chance of one is below 10^-7.
 */
export class TextHash {
  readonly #seedHigh: number
  readonly #seedLow: number
  high = 0
  low = 0

  constructor(seedHigh = randomInt(0x7fffffff), seedLow = randomInt(0x7fffffff)) {
    this.#seedHigh = seedHigh
    this.#seedLow = seedLow
  }

  start(kind: number): this {
    this.high = this.#seedHigh ^ kind
    this.low = this.#seedLow
    return this.number(kind)
  }

  number(value: number): this {
    this.high = Math.imul(this.high ^ value, 0x85ebca6b)
    this.high ^= this.high >>> 15
    this.low = Math.imul(this.low ^ value, 0xc2b2ae35)
    this.low ^= this.low >>> 13
    return this
  }

  /** Null and the empty text differ; so do `a`,`bc` and `ab`,`c`. */
  text(text: string | null): this {
    if (text === null) return this.number(-1)
    let high = this.high
    let low = this.low
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      high = Math.imul(high ^ code, 0x01000193)
      high ^= high >>> 17
      low = Math.imul(low ^ code, 0x5bd1e995)
      low ^= low >>> 15
    }
    this.high = high
    this.low = low
    return this.number(text.length)
  }

  finish(): this {
    this.number(0x2545f491)
    this.high ^= this.low >>> 16
    this.low = Math.imul(this.low ^ (this.high >>> 13), 0x27d4eb2f) | 0
    this.low ^= this.low >>> 16
    this.high |= 0
    return this
  }
}
