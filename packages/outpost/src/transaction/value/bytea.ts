import { refuse } from './value-problem.ts'

/** `\x` and lower-case hexadecimal, from bytes or from that form. The older escape format is refused as ambiguous. */
export function byteaText(value: unknown): string {
  if (value instanceof Uint8Array)
    return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  if (typeof value !== 'string' || !/^\\x(?:[0-9a-fA-F]{2})*$/.test(value)) {
    return refuse(value, 'is neither bytes nor \\x followed by pairs of hexadecimal digits')
  }
  return `\\x${value.slice(2).toLowerCase()}`
}
