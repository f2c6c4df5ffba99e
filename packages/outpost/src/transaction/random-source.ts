import { randomFillSync } from 'node:crypto'

/** Randomness as the library sees it: injected, so that a test or a simulation can own it. */
export interface RandomSource {
  /** Fills the bytes and returns them. */
  fill(bytes: Uint8Array): Uint8Array
}

const poolBytes = 4_096

/** The operating system's generator, read in blocks because a call costs more than the bytes. */
export const systemRandom: RandomSource = (() => {
  const pool = new Uint8Array(poolBytes)
  let used = poolBytes
  return {
    fill(bytes: Uint8Array): Uint8Array {
      if (bytes.length > poolBytes) return randomFillSync(bytes)
      if (used + bytes.length > poolBytes) {
        randomFillSync(pool)
        used = 0
      }
      bytes.set(pool.subarray(used, used + bytes.length))
      pool.fill(0, used, used + bytes.length)
      used += bytes.length
      return bytes
    },
  }
})()
