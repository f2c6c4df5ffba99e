import { isIPv4, isIPv6 } from 'node:net'
import type { ColumnType } from '../../postgres/catalog.ts'
import { expectString } from './check-text.ts'
import { refuse } from './value-problem.ts'

/** `inet` or `cidr`, address and mask as PostgreSQL writes them. Abbreviated addresses such as `10.1/16` are refused. */
export function inetText(value: unknown, type: ColumnType): string {
  const text = expectString(value, 'a network address')
  const [address = '', mask, ...rest] = text.split('/')
  const words = addressWords(address)
  if (words === undefined || rest.length > 0) return refuse(value, 'is not a network address')
  const isShort = words.length === 2
  const width = isShort ? 32 : 128
  const bits = mask === undefined ? width : /^\d{1,3}$/.test(mask) ? Number(mask) : Number.NaN
  if (!(bits <= width)) refuse(value, 'has no valid netmask')
  if (type.base === 'cidr' && hasBitsBeyond(words, bits))
    refuse(value, 'has bits set to the right of its mask')
  const shown = isShort ? address : formatIpv6(words)
  return bits === width && type.base !== 'cidr' ? shown : `${shown}/${bits}`
}

/** Two 16-bit words of an IPv4 address or eight of an IPv6 one. */
function addressWords(address: string): number[] | undefined {
  if (isIPv4(address)) {
    const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number]
    return [(a << 8) | b, (c << 8) | d]
  }
  if (!isIPv6(address) || address.includes('%')) return undefined
  const last = address.lastIndexOf(':')
  const isMixed = address.includes('.')
  const tail = isMixed ? addressWords(address.slice(last + 1))! : []
  const hexPart = isMixed ? address.slice(0, address[last - 1] === ':' ? last + 1 : last) : address
  const [head = '', rest] = hexPart.split('::')
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16))
  const left = words(head)
  const right = [...words(rest ?? ''), ...tail]
  return rest === undefined
    ? [...left, ...right]
    : [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right]
}

function hasBitsBeyond(words: readonly number[], bits: number): boolean {
  return words.some((word, index) => {
    const kept = Math.min(16, Math.max(0, bits - index * 16))
    return (word & (0xffff >> kept)) !== 0
  })
}

/** `inet_net_ntop`: the first longest run of two or more zero words is cut; IPv4 inside IPv6 keeps its dots. */
function formatIpv6(words: readonly number[]): string {
  const [start, length] = longestZeros(words)
  const isEmbedded = start === 0 && (length === 6 || (length === 5 && words[5] === 0xffff))
  const parts = words.slice(0, isEmbedded ? 6 : 8).map((word) => word.toString(16))
  if (isEmbedded) parts.push(`${words[6]! >> 8}.${words[6]! & 255}.${words[7]! >> 8}.${words[7]! & 255}`)
  if (length < 2) return parts.join(':')
  return `${parts.slice(0, start).join(':')}::${parts.slice(isEmbedded ? Math.min(start + length, 6) : start + length).join(':')}`
}

function longestZeros(words: readonly number[]): readonly [start: number, length: number] {
  let best: readonly [number, number] = [-1, 0]
  for (let start = 0; start < words.length; start++) {
    let length = 0
    while (words[start + length] === 0) length++
    if (length > best[1]) best = [start, length]
    start += length
  }
  return best
}

/** `macaddr` (six bytes) or `macaddr8` (eight), lower case with colons, from any of the usual separators. */
export function macaddrText(value: unknown, type: ColumnType): string {
  const text = expectString(value, 'a MAC address')
  const bytes = type.base === 'macaddr8' ? 8 : 6
  const digits = text.toLowerCase().replace(/[:.-]/g, '')
  const isUsual =
    /^([0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\2)*[0-9a-f]{2}$|^[0-9a-f]{4}(?:\.[0-9a-f]{4})+$|^[0-9a-f]+$/i.test(
      text,
    )
  if (!isUsual || digits.length !== bytes * 2) refuse(value, `is not a ${type.base} of ${bytes} bytes`)
  return digits.match(/../g)!.join(':')
}
