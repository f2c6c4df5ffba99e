import type { Socket } from 'node:net'
import type { LinkConditions } from './conditions.ts'
import type { Pacer } from './pacer.ts'
import { resetSocket } from './reset-socket.ts'

/** At this many bytes on their way the source is told to wait; so a link never takes more memory than this a pipe. */
const maxBufferedBytes = 8 * 1024 * 1024

type Item =
  | { readonly kind: 'data'; readonly data: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' }

/** What a pipe needs to know of its link and tells it. */
export interface PipeLine {
  readonly conditions: () => LinkConditions
  readonly pacer: Pacer
  readonly held: (bytes: number) => void
  readonly delivered: (bytes: number) => void
}

/**
 * One direction of one connection. An item waits for its turn on the line (bandwidth), then flies (half the round
 * trip), then is written to the sink. Ends and resets travel in the same queue, so order is always kept. While
 * the link is half-open nothing moves on from where it is.
 */
export class Pipe {
  readonly #source: Socket
  readonly #line: PipeLine
  readonly #waiting: Item[] = []
  readonly #flying: { readonly item: Item; readonly dueMs: number }[] = []
  #sink: Socket | undefined
  #isSending = false
  #isClosed = false
  #sinkIsFull = false
  #bufferedBytes = 0
  #lastDueMs = 0
  #timer: NodeJS.Timeout | undefined

  constructor(source: Socket, line: PipeLine) {
    this.#source = source
    this.#line = line
    let hasEnded = false
    source.on('data', (data) => this.#take({ kind: 'data', data }))
    source.on('end', () => {
      hasEnded = true
      this.#take({ kind: 'end' })
    })
    source.on('close', (hadError) => {
      if (!hasEnded || hadError) this.#take({ kind: 'reset' })
    })
  }

  /** Bytes that were taken and not delivered yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  /** Gives the pipe its far end: until then everything waits, as what is sent before a connection stands. */
  attach(sink: Socket): void {
    this.#sink = sink
    sink.on('drain', () => {
      this.#sinkIsFull = false
      this.move()
    })
    sink.on('close', () => this.close())
    this.move()
  }

  /** Moves on what may move; called whenever the conditions have changed. */
  move(): void {
    this.#transmit()
    this.#deliver()
  }

  /** Drops everything on its way; what the source still sends is thrown away. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#waiting.length = 0
    this.#flying.length = 0
    this.#bufferedBytes = 0
    this.#source.resume()
  }

  #take(item: Item): void {
    if (this.#isClosed) return
    if (item.kind === 'data') {
      this.#bufferedBytes += item.data.length
      if (this.#bufferedBytes >= maxBufferedBytes) this.#source.pause()
      if (this.#isHolding()) this.#line.held(item.data.length)
    }
    this.#waiting.push(item)
    this.move()
  }

  #transmit(): void {
    while (this.#sink !== undefined && this.#waiting.length > 0 && !this.#isSending && !this.#isHolding()) {
      const item = this.#nextSlice()
      if (item.kind !== 'data' || this.#line.pacer.isUnlimited) {
        this.#launch(item)
        continue
      }
      this.#isSending = true
      this.#line.pacer.send(item.data.length, () => {
        this.#isSending = false
        if (this.#isClosed) return
        this.#launch(item)
        this.move()
      })
    }
  }

  #nextSlice(): Item {
    const item = this.#waiting.shift()!
    const { isUnlimited, sliceBytes } = this.#line.pacer
    if (item.kind !== 'data' || isUnlimited || item.data.length <= sliceBytes) return item
    this.#waiting.unshift({ kind: 'data', data: item.data.subarray(sliceBytes) })
    return { kind: 'data', data: item.data.subarray(0, sliceBytes) }
  }

  #launch(item: Item): void {
    const arrivesMs = performance.now() + this.#line.conditions().roundTripMs / 2
    // A delay that was shortened meanwhile lets nobody overtake.
    this.#lastDueMs = Math.max(this.#lastDueMs, arrivesMs)
    this.#flying.push({ item, dueMs: this.#lastDueMs })
  }

  #deliver(): void {
    clearTimeout(this.#timer)
    while (this.#sink !== undefined && !this.#sinkIsFull && !this.#isHolding()) {
      const head = this.#flying[0]
      if (head === undefined) return
      const leftMs = head.dueMs - performance.now()
      if (leftMs > 0.2) {
        this.#timer = setTimeout(() => this.#deliver(), leftMs)
        return
      }
      this.#flying.shift()
      this.#hand(head.item, this.#sink)
    }
  }

  #hand(item: Item, sink: Socket): void {
    switch (item.kind) {
      case 'data':
        this.#sinkIsFull = !sink.write(item.data)
        this.#line.delivered(item.data.length)
        this.#release(item.data.length)
        return
      case 'end':
        sink.end()
        return
      case 'reset':
        resetSocket(sink)
        return
    }
  }

  #release(bytes: number): void {
    this.#bufferedBytes -= bytes
    if (this.#source.isPaused() && this.#bufferedBytes < maxBufferedBytes / 2) this.#source.resume()
  }

  #isHolding(): boolean {
    return this.#line.conditions().mode !== 'up'
  }
}
