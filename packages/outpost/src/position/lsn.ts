import { OutpostError } from '../errors/outpost-error.ts'

/**
 * A place in the write-ahead log as a 64-bit number. As text it must never be compared: `0/9000000` sorts after
 * `0/10000000` (E2). It means nothing without its timeline and lineage: see `position.ts`.
 */
export type Lsn = bigint & { readonly __brand: 'Lsn' }

const pattern = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/
const maxLsn = 0xffff_ffff_ffff_ffffn

/** From PostgreSQL's text, such as `16/B374D848`. Errors: `invalid_value`. */
export function parseLsn(text: string): Lsn {
  const match = pattern.exec(text)
  if (match === null) {
    throw new OutpostError('invalid_value', `${JSON.stringify(text.slice(0, 40))} is not an LSN.`, {
      hint: 'An LSN is two hexadecimal numbers with a slash between them, such as 16/B374D848.',
    })
  }
  return ((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)) as Lsn
}

/** PostgreSQL's text: upper-case hexadecimal halves without leading zeros. */
export function formatLsn(lsn: Lsn): string {
  const half = (value: bigint) => value.toString(16).toUpperCase()
  return `${half(lsn >> 32n)}/${half(lsn & 0xffff_ffffn)}`
}

/** From a number of bytes since the start of the log. Errors: `invalid_value` outside 64 bits. */
export function lsnFrom(bytes: bigint): Lsn {
  if (bytes < 0n || bytes > maxLsn) {
    throw new OutpostError('invalid_value', `${bytes} does not fit the 64 bits of an LSN.`)
  }
  return bytes as Lsn
}

export function compareLsn(a: Lsn, b: Lsn): -1 | 0 | 1 {
  return a < b ? -1 : a > b ? 1 : 0
}

export function maxOfLsn(a: Lsn, b: Lsn): Lsn {
  return a >= b ? a : b
}

export interface WalGeometry {
  /** `wal_segment_size`; 16 MB unless the cluster was made with another. */
  readonly segmentBytes?: number
  /** `wal_block_size`; 8192 unless the server was built with another. */
  readonly pageBytes?: number
}

/** `SizeOfXLogShortPHD` and `SizeOfXLogLongPHD` of PostgreSQL's `xlog_internal.h`. */
const pageHeaderBytes = 0x18n
const segmentHeaderBytes = 0x28n

/**
 * E2: an insert position that rests just after a page header is moved down to the page's boundary.
 *
 * After a record that ends at a page's end, `pg_current_wal_insert_lsn()` already names the place behind the next
 * page's header, while a replica that replayed everything reports the boundary: waiting for the first would wait until
 * someone else writes. No record ends right after a header, so nothing is lost by moving down.
 */
export function normalizeInsertLsn(lsn: Lsn, geometry: WalGeometry = {}): Lsn {
  const pageOffset = lsn % BigInt(geometry.pageBytes ?? 8192)
  const segmentOffset = lsn % BigInt(geometry.segmentBytes ?? 16 * 1024 * 1024)
  if (segmentOffset === segmentHeaderBytes) return (lsn - segmentHeaderBytes) as Lsn
  if (pageOffset === pageHeaderBytes && segmentOffset !== pageHeaderBytes)
    return (lsn - pageHeaderBytes) as Lsn
  return lsn
}
