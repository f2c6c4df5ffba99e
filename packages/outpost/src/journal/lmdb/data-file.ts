import { closeSync, fstatSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { OutpostError } from '../../errors/outpost-error.ts'
import { deniedFile } from './file-access.ts'
import { newestMeta, PageFile } from './lmdb-pages.ts'
import { faultInTrees } from './page-check.ts'

/** Looks again this often when a writer changed the file meanwhile. */
const attempts = 3

/**
 * Checks the data file before LMDB maps it, because LMDB trusts its file: a page that lies beyond the end or makes no
 * sense ends the process (SIGBUS, SIGSEGV) instead of raising an error. An absent or empty file is a new journal. One
 * pass over the pages of the trees, not over what the blocks hold: their checksums are compared when they are read.
 */
export function checkDataFile(folder: string): void {
  const descriptor = openOrUndefined(join(folder, 'data.mdb'))
  if (descriptor === undefined) return
  try {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const { fault, txnid } = examine(descriptor)
      if (fault === undefined) return
      // A writer at work reuses pages of the tree that was being looked at: then nothing is wrong.
      if (examineTxnid(descriptor) !== txnid) continue
      throw new OutpostError('journal_corrupt', `The data file in ${folder} is damaged: ${fault}`)
    }
  } finally {
    closeSync(descriptor)
  }
}

function examine(descriptor: number): {
  readonly fault: string | undefined
  readonly txnid: bigint | undefined
} {
  const { size } = fstatSync(descriptor)
  if (size === 0) return { fault: undefined, txnid: undefined }
  const meta = newestMeta(descriptor)
  if (meta === undefined) return { fault: 'its two meta pages are not both there', txnid: undefined }
  // A format that this check does not know is left to LMDB, which refuses what it does not know either.
  if (!meta.isKnownFormat) return { fault: undefined, txnid: meta.txnid }
  return { fault: faultInTrees(new PageFile(descriptor, size, meta.pageSize), meta), txnid: meta.txnid }
}

function examineTxnid(descriptor: number): bigint | undefined {
  return newestMeta(descriptor)?.txnid
}

function openOrUndefined(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw deniedFile(path, 'read', error)
  }
}
