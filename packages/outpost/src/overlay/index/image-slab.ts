import { OutpostError } from '../../errors/outpost-error.ts'

const chunkBytes = 1 << 20
const headerBytes = 4

/** Where an item lies: chunk × 2^20 + offset, or {@link nowhere}. */
export type SlabPlace = number

/** The item is not kept: it is read from the journal when needed. */
export const nowhere: SlabPlace = 0xffffffff

interface Chunk {
  bytes: Buffer | undefined
  live: number
}

/**
 * Encoded images of pending rows in append-only chunks, bounded in bytes. When it is full new images are not kept;
 * a chunk whose last image is freed is reused at once. It is a cache of the journal: dropping anything is safe.
 */
export class ImageSlab {
  readonly #limitBytes: number
  readonly #chunks: Chunk[] = []
  readonly #empty: number[] = []
  #current = -1
  #offset = chunkBytes
  #live = 0
  #allocated = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** Bytes of images held. */
  get liveBytes(): number {
    return this.#live
  }

  /** Bytes taken from the system. */
  get allocatedBytes(): number {
    return this.#allocated
  }

  /** Keeps a copy of the first `length` bytes, or answers {@link nowhere}. */
  put(source: Buffer, length: number): SlabPlace {
    return this.#append(source, 0, length, this.#limitBytes)
  }

  /** Copies an item to the newest chunk; for a moment both copies are held, whatever the limit. */
  move(place: SlabPlace): SlabPlace {
    const bytes = this.bufferOf(place)
    const start = this.startOf(place)
    const length = bytes.readUInt32LE(start - headerBytes)
    const moved = this.#append(bytes, start, length, Number.POSITIVE_INFINITY)
    this.free(place)
    return moved
  }

  #append(source: Buffer, start: number, length: number, limitBytes: number): SlabPlace {
    const size = length + headerBytes
    if (size > chunkBytes / 4) return nowhere
    if (this.#offset + size > chunkBytes && !this.#nextChunk(limitBytes)) return nowhere
    const chunk = this.#chunks[this.#current]!
    const offset = this.#offset
    chunk.bytes!.writeUInt32LE(length, offset)
    source.copy(chunk.bytes!, offset + headerBytes, start, start + length)
    this.#offset += size
    chunk.live += size
    this.#live += size
    return this.#current * chunkBytes + offset
  }

  /** The chunk that holds the item and where the item starts and ends in it. */
  bufferOf(place: SlabPlace): Buffer {
    const bytes = this.#chunks[Math.floor(place / chunkBytes)]?.bytes
    if (!bytes) throw new OutpostError('journal_corrupt', `Image place ${place} is not in use.`)
    return bytes
  }

  startOf(place: SlabPlace): number {
    return (place % chunkBytes) + headerBytes
  }

  free(place: SlabPlace): void {
    if (place === nowhere) return
    const number = Math.floor(place / chunkBytes)
    const chunk = this.#chunks[number]!
    const size = chunk.bytes!.readUInt32LE(place % chunkBytes) + headerBytes
    chunk.live -= size
    this.#live -= size
    if (chunk.live > 0 || number === this.#current) return
    chunk.bytes = undefined
    this.#allocated -= chunkBytes
    this.#empty.push(number)
  }

  /** True when so much of it is holes that copying the rest together pays. */
  get isSparse(): boolean {
    return this.#allocated > 8 * chunkBytes && this.#live < this.#allocated / 2
  }

  #nextChunk(limitBytes: number): boolean {
    if (this.#allocated + chunkBytes > limitBytes) return false
    const previous = this.#current
    const number = this.#empty.pop() ?? this.#chunks.length
    this.#chunks[number] = { bytes: Buffer.allocUnsafeSlow(chunkBytes), live: 0 }
    this.#current = number
    this.#offset = 0
    this.#allocated += chunkBytes
    const left = this.#chunks[previous]
    if (left && left.live === 0 && left.bytes) {
      left.bytes = undefined
      this.#allocated -= chunkBytes
      this.#empty.push(previous)
    }
    return true
  }
}
