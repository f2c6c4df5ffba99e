/** A 64-bit hash of a string into two words (cyrb53's mixing, by bryc, public domain, kept at full width). */
export function hash64(text: string, into: Uint32Array): void {
  let low = 0xdeadbeef
  let high = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    low = Math.imul(low ^ code, 0x9e3779b1)
    high = Math.imul(high ^ code, 0x5f356495)
  }
  into[0] = mix(low) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35)
  into[1] = mix(high) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35)
}

function mix(word: number): number {
  return Math.imul(word ^ (word >>> 16), 0x85ebca6b)
}
