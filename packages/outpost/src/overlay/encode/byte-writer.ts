/** A growing buffer in network byte order, reused between values so that encoding leaves no garbage. */
export class ByteWriter {
  bytes: Buffer
  length = 0

  constructor(capacity = 256) {
    this.bytes = Buffer.allocUnsafe(capacity)
  }

  reset(): void {
    this.length = 0
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }

  uint8(value: number): void {
    this.reserve(1)
    this.bytes[this.length++] = value
  }

  int16(value: number): void {
    this.reserve(2)
    this.length = this.bytes.writeInt16BE(value, this.length)
  }

  int32(value: number): void {
    this.reserve(4)
    this.length = this.bytes.writeInt32BE(value | 0, this.length)
  }

  uint32(value: number): void {
    this.reserve(4)
    this.length = this.bytes.writeUInt32BE(value, this.length)
  }

  /** A whole number within ±2^53. */
  int64(value: number): void {
    const high = Math.floor(value / 4_294_967_296)
    this.reserve(8)
    this.bytes.writeInt32BE(high, this.length)
    this.bytes.writeUInt32BE(value - high * 4_294_967_296, this.length + 4)
    this.length += 8
  }

  bigInt64(value: bigint): void {
    this.reserve(8)
    this.length = this.bytes.writeBigInt64BE(value, this.length)
  }

  float32(value: number): void {
    this.reserve(4)
    this.length = this.bytes.writeFloatBE(value, this.length)
  }

  float64(value: number): void {
    this.reserve(8)
    this.length = this.bytes.writeDoubleBE(value, this.length)
  }

  utf8(text: string): void {
    this.reserve(text.length * 3)
    // Short plain values are the rule; a call into the runtime costs more than the loop.
    if (text.length <= 24) {
      let at = this.length
      let index = 0
      for (; index < text.length; index++) {
        const code = text.charCodeAt(index)
        if (code > 127) break
        this.bytes[at++] = code
      }
      if (index === text.length) {
        this.length = at
        return
      }
    }
    this.length += this.bytes.write(text, this.length, 'utf8')
  }

  copyFrom(source: Buffer, start: number, end: number): void {
    const count = end - start
    this.reserve(count)
    if (count <= 24) {
      let at = this.length
      for (let index = start; index < end; index++) this.bytes[at++] = source[index]!
      this.length = at
      return
    }
    source.copy(this.bytes, this.length, start, end)
    this.length += count
  }

  /** Writes what `write` produces, preceded by its length. */
  sized(write: () => void): void {
    this.int32(0)
    const start = this.length
    write()
    this.bytes.writeInt32BE(this.length - start, start - 4)
  }

  /** A copy of what was written. */
  take(): Buffer {
    const copy = Buffer.allocUnsafeSlow(this.length)
    this.bytes.copy(copy, 0, 0, this.length)
    return copy
  }
}
