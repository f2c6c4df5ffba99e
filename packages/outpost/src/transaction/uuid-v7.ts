import type { Clock } from '../clock/clock.ts'
import type { RandomSource } from './random-source.ts'

const hexPairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Half of the 12-bit counter's range stays free at the start of each millisecond (RFC 9562, 6.2, method 1). */
const seedMask = 0x7ff
const counterEnd = 0x1000

/**
 * A generator of UUIDv7 (RFC 9562): 48 bits of milliseconds, a 12-bit counter, 62 random bits. Each is greater than
 * the one before, as text too, also when the clock stands still or goes back: it then runs ahead of the clock.
 */
export function createUuidV7(clock: Pick<Clock, 'nowMs'>, random: RandomSource): () => string {
  const bytes = new Uint8Array(10)
  let lastMs = -1
  let counter = 0
  return () => {
    random.fill(bytes)
    const nowMs = clock.nowMs()
    if (nowMs > lastMs) {
      lastMs = nowMs
      counter = ((bytes[0]! << 8) | bytes[1]!) & seedMask
    } else if (++counter === counterEnd) {
      lastMs++
      counter = 0
    }
    const time = lastMs.toString(16).padStart(12, '0')
    const middle = `7${hexPairs[counter >> 8]![1]}${hexPairs[counter & 0xff]}`
    return `${time.slice(0, 8)}-${time.slice(8)}-${middle}-${hexPairs[(bytes[2]! & 0x3f) | 0x80]}${pairs(bytes, 3, 4)}-${pairs(bytes, 4, 10)}`
  }
}

const v4Bytes = new Uint8Array(16)

/** A random UUIDv4, as `gen_random_uuid()` makes. */
export function uuidV4(random: RandomSource): string {
  const bytes = random.fill(v4Bytes)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return `${pairs(bytes, 0, 4)}-${pairs(bytes, 4, 6)}-${pairs(bytes, 6, 8)}-${pairs(bytes, 8, 10)}-${pairs(bytes, 10, 16)}`
}

function pairs(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let i = from; i < to; i++) text += hexPairs[bytes[i]!]
  return text
}
