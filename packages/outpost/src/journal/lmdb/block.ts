import { crc32 } from 'node:zlib'

/**
 * A block is what one group commit stores under one LMDB key (the seq of its first record): records packed together,
 * so that a group costs one put instead of hundreds. Little endian:
 *
 *     magic u32 | crc32 u32 | bodies (UTF-8 JSON, one after another) | table | count u32
 *
 * with one table row per record: end of its body u32 | id hash u32 | idempotency hash u32 | buffered_at f64.
 * The checksum covers everything after itself. The table stands behind the bodies so that a body is written once, in
 * place. Seqs are not stored: a group that failed for want of space leaves no number behind.
 */
const magic = 0x314a504f
const headBytes = 8
const rowBytes = 20
const tailBytes = 4
/** Records of one block; bounds what a point read must skip. */
const maxRecords = 1024
/** A block is closed once its bodies reach this: a point read copies one whole block. */
const targetBytes = 32 * 1024

/** What is known of a record without decoding it. */
export interface BlockRow {
  readonly idHash: number
  /** 0 without an Idempotency-Key. */
  readonly idempotencyHash: number
  readonly bufferedAtMs: number
}

/** Packs records into one reusable buffer. Do not reuse it before LMDB has committed the value. */
export class BlockBuilder {
  #buffer = Buffer.allocUnsafeSlow(4096)
  #end = headBytes
  #count = 0
  readonly #ends = new Uint32Array(maxRecords)
  readonly #idHashes = new Uint32Array(maxRecords)
  readonly #idempotencyHashes = new Uint32Array(maxRecords)
  readonly #times = new Float64Array(maxRecords)

  get count(): number {
    return this.#count
  }

  /** Bytes of the value that {@link seal} returns. */
  get bytes(): number {
    return this.#end + this.#count * rowBytes + tailBytes
  }

  get isFull(): boolean {
    return this.#count === maxRecords || this.#end >= targetBytes
  }

  add(body: string, idHash: number, idempotencyHash: number, bufferedAtMs: number): void {
    // UTF-8 needs at most three bytes for one UTF-16 unit: room for the worst case saves a counting pass.
    this.#reserve(this.#end + body.length * 3 + (this.#count + 1) * rowBytes + tailBytes)
    this.#end += this.#buffer.write(body, this.#end)
    this.#ends[this.#count] = this.#end - headBytes
    this.#idHashes[this.#count] = idHash
    this.#idempotencyHashes[this.#count] = idempotencyHash
    this.#times[this.#count] = bufferedAtMs
    this.#count += 1
  }

  seal(): Buffer {
    const buffer = this.#buffer
    let offset = this.#end
    for (let index = 0; index < this.#count; index += 1) {
      buffer.writeUInt32LE(this.#ends[index]!, offset)
      buffer.writeUInt32LE(this.#idHashes[index]!, offset + 4)
      buffer.writeUInt32LE(this.#idempotencyHashes[index]!, offset + 8)
      buffer.writeDoubleLE(this.#times[index]!, offset + 12)
      offset += rowBytes
    }
    buffer.writeUInt32LE(this.#count, offset)
    const block = buffer.subarray(0, offset + tailBytes)
    block.writeUInt32LE(magic, 0)
    block.writeUInt32LE(crc32(block.subarray(headBytes)), 4)
    return block
  }

  row(index: number): BlockRow {
    return {
      idHash: this.#idHashes[index]!,
      idempotencyHash: this.#idempotencyHashes[index]!,
      bufferedAtMs: this.#times[index]!,
    }
  }

  reset(): void {
    this.#end = headBytes
    this.#count = 0
    // One huge transaction must not keep its memory for ever.
    if (this.#buffer.length > 16 * targetBytes) this.#buffer = Buffer.allocUnsafeSlow(4096)
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#end)
    this.#buffer = grown
  }
}

/** A stored block, read in place. The bytes may be LMDB's own and are valid only until its next read. */
export class BlockView {
  readonly count: number
  readonly bytes: number
  readonly #buffer: Buffer
  readonly #table: number

  constructor(value: Uint8Array) {
    // lmdb's reusable buffer shadows `length`; its real extent is larger.
    this.#buffer = Buffer.from(value.buffer, value.byteOffset, value.length)
    this.bytes = this.#buffer.length
    this.count = this.bytes >= headBytes + tailBytes ? this.#buffer.readUInt32LE(this.bytes - tailBytes) : 0
    this.#table = this.bytes - tailBytes - this.count * rowBytes
  }

  /** Undefined when the block is whole, else what is wrong with it. */
  fault(): string | undefined {
    if (this.bytes < headBytes + rowBytes + tailBytes) return `it has only ${this.bytes} bytes`
    if (this.#buffer.readUInt32LE(0) !== magic) return 'it does not start with the block mark'
    if (this.#buffer.readUInt32LE(4) !== crc32(this.#buffer.subarray(headBytes)))
      return 'its checksum does not match'
    if (this.count === 0 || this.#table < headBytes) return `it claims ${this.count} records`
    return undefined
  }

  row(index: number): BlockRow {
    const offset = this.#table + index * rowBytes
    return {
      idHash: this.#buffer.readUInt32LE(offset + 4),
      idempotencyHash: this.#buffer.readUInt32LE(offset + 8),
      bufferedAtMs: this.#buffer.readDoubleLE(offset + 12),
    }
  }

  /** The JSON of a record. */
  body(index: number): string {
    const start = index === 0 ? 0 : this.#buffer.readUInt32LE(this.#table + (index - 1) * rowBytes)
    const end = this.#buffer.readUInt32LE(this.#table + index * rowBytes)
    return this.#buffer.toString('utf8', headBytes + start, headBytes + end)
  }
}
