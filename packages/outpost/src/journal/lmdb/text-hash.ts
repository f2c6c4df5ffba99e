/**
 * A 32-bit hash of a string, seeded per journal so that clients cannot aim at one bucket. It only narrows a search:
 * whoever finds a candidate by it compares the real text. Never 0, which stands for "no text".
 */
export function hashText(seed: number, text: string): number {
  let hash = seed
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x5bd1e995)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  hash = (hash ^ (hash >>> 16)) >>> 0
  return hash === 0 ? 1 : hash
}

/** Hash of an Idempotency-Key within its scope (N22). */
export function hashIdempotency(seed: number, scope: string, key: string): number {
  return hashText(hashText(seed, scope), key)
}
