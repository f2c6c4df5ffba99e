import type { Clock } from '../clock/clock.ts'

interface Timer {
  readonly atMs: number
  readonly order: number
  readonly wake: () => void
}

/** Time that moves only when everything waits for it: hours pass in milliseconds, and every run is the same. */
export class SimulatedClock implements Clock {
  #nowMs = 0
  #order = 0
  readonly #timers = new Set<Timer>()

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const finish = () => {
        this.#timers.delete(timer)
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      const timer: Timer = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, wake: finish }
      this.#timers.add(timer)
      signal?.addEventListener('abort', finish, { once: true })
    })
  }

  /** Lets time pass until `atMs`, waking sleepers in order. */
  async runUntil(atMs: number): Promise<void> {
    for (;;) {
      await settle()
      const next = [...this.#timers].sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0]
      if (next === undefined || next.atMs > atMs) break
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.wake()
    }
    this.#nowMs = Math.max(this.#nowMs, atMs)
  }
}

/** A turn of the event loop: every promise that can go on has gone on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Mulberry32: small, seeded, good enough to spread faults. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
