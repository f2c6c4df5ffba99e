import { hash64 } from '../../transaction/hash64.ts'

/** Characters of one hash; the script `append` cuts the text there. */
const width = 12

/**
 * Keys that a transaction touches, as 48-bit hashes one after another. Two keys with one hash can only make a check
 * run again, never hide a conflict.
 */
export function packKeys(keys: readonly string[]): string {
  let packed = ''
  const words = new Uint32Array(2)
  for (const key of keys) {
    hash64(key, words)
    const high = words[0]! & 0xffff
    packed += (high * 0x100000000 + words[1]!).toString(16).padStart(width, '0')
  }
  return packed
}
