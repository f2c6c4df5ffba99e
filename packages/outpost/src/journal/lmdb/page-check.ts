import {
  type Meta,
  type Node,
  nodeCount,
  nodeFlag,
  type PageFile,
  pageFlag,
  pageHeaderBytes,
  readNode,
  readTree,
  type Tree,
} from './lmdb-pages.ts'

interface Walk {
  readonly file: PageFile
  readonly lastPage: bigint
  /** Pages seen so far: more than the file has means that a page is its own descendant. */
  visited: bigint
}

/** What is wrong with the trees of a snapshot, or undefined. Everything that LMDB would follow is followed. */
export function faultInTrees(file: PageFile, meta: Meta): string | undefined {
  const walk: Walk = { file, lastPage: meta.lastPage, visited: 0n }
  return faultInTree(walk, meta.free, false) ?? faultInTree(walk, meta.main, true)
}

function faultInTree(walk: Walk, tree: Tree, hasDatabases: boolean): string | undefined {
  if (tree.root === undefined) return tree.depth === 0 ? undefined : 'a tree has lost its root'
  return faultInPage(walk, tree.root, tree.depth, hasDatabases)
}

/** `depth` counts down to 1 at the leaves. */
function faultInPage(walk: Walk, number: bigint, depth: number, hasDatabases: boolean): string | undefined {
  walk.visited += 1n
  if (walk.visited > walk.lastPage) return 'its pages form a circle'
  const page = number <= walk.lastPage ? walk.file.read(number) : undefined
  if (page === undefined) return `page ${number} lies beyond its end`
  const fault = faultInHeader(page, number, depth)
  if (fault !== undefined) return fault
  for (let index = 0; index < nodeCount(page); index += 1) {
    const node = readNode(page, index)
    if (node === undefined) return `page ${number} has an entry that does not fit`
    const inside =
      depth > 1
        ? faultInPage(walk, node.child, depth - 1, hasDatabases)
        : faultInLeaf(walk, page, node, number, hasDatabases)
    if (inside !== undefined) return inside
  }
  return undefined
}

function faultInHeader(page: Buffer, number: bigint, depth: number): string | undefined {
  const flags = page.readUInt16LE(18)
  const lower = page.readUInt16LE(20)
  const upper = page.readUInt16LE(22)
  if (page.readBigUInt64LE(0) !== number) return `page ${number} carries the number of another`
  if (flags !== (depth > 1 ? pageFlag.branch : pageFlag.leaf))
    return `page ${number} is of the wrong kind (${flags})`
  if (lower > upper || upper > page.length - pageHeaderBytes) return `page ${number} has a senseless header`
  return undefined
}

function faultInLeaf(
  walk: Walk,
  page: Buffer,
  node: Node,
  number: bigint,
  hasDatabases: boolean,
): string | undefined {
  const inline = (node.flags & nodeFlag.bigData) !== 0 ? 24 : node.dataBytes
  if (node.data + inline > page.length) return `page ${number} has an entry that does not fit`
  if ((node.flags & nodeFlag.bigData) !== 0) return faultInOverflow(walk, page, node)
  if ((node.flags & nodeFlag.subDatabase) === 0) return undefined
  if (!hasDatabases || node.dataBytes !== 48) return `page ${number} names a database where there is none`
  return faultInTree(walk, readTree(page, node.data), false)
}

/** A large value lies on pages of its own, in one stretch. */
function faultInOverflow(walk: Walk, page: Buffer, node: Node): string | undefined {
  const first = page.readBigUInt64LE(node.data)
  const count = BigInt(Math.floor((pageHeaderBytes - 1 + node.dataBytes) / page.length) + 1)
  if (first + count - 1n > walk.lastPage || first + count > walk.file.pages)
    return `page ${first} lies beyond its end`
  const header = walk.file.read(first, pageHeaderBytes)
  if (header === undefined) return `page ${first} lies beyond its end`
  if (header.readBigUInt64LE(0) !== first) return `page ${first} carries the number of another`
  if (header.readUInt16LE(18) !== pageFlag.overflow) return `page ${first} is of the wrong kind`
  return undefined
}
