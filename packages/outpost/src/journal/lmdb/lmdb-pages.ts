import { readSync } from 'node:fs'

/** Layout of LMDB's file, data version 2 (`mdb.c`: MDB_page_header, MDB_meta, MDB_db, MDB_node), little endian. */
export const pageHeaderBytes = 24
const metaMagic = 0xbeefc0de
const knownVersion = 2
const noRoot = 0xffff_ffff_ffff_ffffn

export const pageFlag = { branch: 1, leaf: 2, overflow: 4 } as const
export const nodeFlag = { bigData: 1, subDatabase: 2, duplicates: 4 } as const

export interface Tree {
  readonly depth: number
  /** Undefined for an empty tree. */
  readonly root: bigint | undefined
}

export interface Meta {
  readonly isKnownFormat: boolean
  readonly pageSize: number
  readonly free: Tree
  readonly main: Tree
  readonly lastPage: bigint
  readonly txnid: bigint
}

/**
 * Of the two meta pages the one with the newer transaction, which LMDB will use; undefined unless both are meta
 * pages, because LMDB compares their numbers without looking at the rest.
 */
export function newestMeta(descriptor: number): Meta | undefined {
  const first = readMeta(descriptor, 0)
  if (first === undefined || !first.isKnownFormat) return first
  const second = readMeta(descriptor, first.pageSize)
  if (second === undefined) return undefined
  return second.txnid > first.txnid ? second : first
}

function readMeta(descriptor: number, offset: number): Meta | undefined {
  const page = Buffer.alloc(160)
  if (readSync(descriptor, page, 0, page.length, offset) < page.length) return undefined
  if (page.readUInt32LE(24) !== metaMagic) return undefined
  const pageSize = page.readUInt32LE(48)
  return {
    isKnownFormat: page.readUInt32LE(28) === knownVersion && pageSize >= 256 && pageSize <= 65_536,
    pageSize,
    free: readTree(page, 48),
    main: readTree(page, 96),
    lastPage: page.readBigUInt64LE(144),
    txnid: page.readBigUInt64LE(152),
  }
}

/** An MDB_db of 48 bytes. */
export function readTree(buffer: Buffer, offset: number): Tree {
  const root = buffer.readBigUInt64LE(offset + 40)
  return { depth: buffer.readUInt16LE(offset + 6), root: root === noRoot ? undefined : root }
}

/** The pages of a data file; a page that does not lie wholly in the file is undefined. */
export class PageFile {
  readonly pageSize: number
  /** Pages that the file is long enough for. */
  readonly pages: bigint
  readonly #descriptor: number

  constructor(descriptor: number, size: number, pageSize: number) {
    this.#descriptor = descriptor
    this.pageSize = pageSize
    this.pages = BigInt(Math.floor(size / pageSize))
  }

  /** The first `bytes` of a page, in a buffer of its own. */
  read(page: bigint, bytes: number = this.pageSize): Buffer | undefined {
    if (page < 2n || page >= this.pages) return undefined
    const buffer = Buffer.allocUnsafe(bytes)
    const got = readSync(this.#descriptor, buffer, 0, bytes, Number(page) * this.pageSize)
    return got === bytes ? buffer : undefined
  }
}

export interface Node {
  readonly flags: number
  /** Child page, in a branch. */
  readonly child: bigint
  readonly dataBytes: number
  /** Offset of the data in the page. */
  readonly data: number
}

export function nodeCount(page: Buffer): number {
  return page.readUInt16LE(20) >> 1
}

/** Undefined when the node does not lie wholly in the page. */
export function readNode(page: Buffer, index: number): Node | undefined {
  const offset = page.readUInt16LE(pageHeaderBytes + index * 2) + pageHeaderBytes
  if (offset + 8 > page.length) return undefined
  const low = page.readUInt16LE(offset)
  const high = page.readUInt16LE(offset + 2)
  const flags = page.readUInt16LE(offset + 4)
  const data = offset + 8 + page.readUInt16LE(offset + 6)
  if (data > page.length) return undefined
  const dataBytes = low + high * 65_536
  return { flags, child: BigInt(dataBytes) + (BigInt(flags) << 32n), dataBytes, data }
}
