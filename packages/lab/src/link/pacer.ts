/** How far the line may catch up on what late timers cost it. */
const catchUpMs = 20
/** A slice takes about this long to send, so that connections take turns and a new bandwidth is felt soon. */
const sliceMs = 50
const maxSliceBytes = 64 * 1024

interface Turn {
  readonly bytes: number
  readonly sent: () => void
}

/**
 * The line of one direction: it sends one slice after the other at the bandwidth. A pipe asks for its next slice
 * only when the last one is sent, so that the connections share the line fairly; hence the queue is never longer
 * than there are connections.
 */
export class Pacer {
  readonly #turns: Turn[] = []
  #bytesPerSecond: number | null = null
  #freeAtMs = 0
  #timer: NodeJS.Timeout | undefined

  get isUnlimited(): boolean {
    return this.#bytesPerSecond === null
  }

  /** How much to ask for at once. */
  get sliceBytes(): number {
    if (this.#bytesPerSecond === null) return maxSliceBytes
    return Math.max(1, Math.min(maxSliceBytes, Math.floor((this.#bytesPerSecond * sliceMs) / 1000)))
  }

  /** Sets the bandwidth; the slice that is being sent keeps its pace. Unlimited releases all at once. */
  setBandwidth(bytesPerSecond: number | null): void {
    this.#bytesPerSecond = bytesPerSecond
    if (bytesPerSecond !== null) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const turn of this.#turns.splice(0)) turn.sent()
  }

  /** Calls `sent` when the line has sent that many bytes, in the order of asking. */
  send(bytes: number, sent: () => void): void {
    this.#turns.push({ bytes, sent })
    this.#next()
  }

  /** Forgets everybody who waits. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#turns.length = 0
  }

  #next(): void {
    const turn = this.#turns[0]
    if (turn === undefined || this.#timer !== undefined) return
    const now = performance.now()
    const durationMs = this.#bytesPerSecond === null ? 0 : (turn.bytes * 1000) / this.#bytesPerSecond
    this.#freeAtMs = Math.max(this.#freeAtMs, now - catchUpMs) + durationMs
    this.#timer = setTimeout(() => this.#finish(), Math.max(0, this.#freeAtMs - now))
  }

  #finish(): void {
    this.#timer = undefined
    this.#turns.shift()?.sent()
    this.#next()
  }
}
