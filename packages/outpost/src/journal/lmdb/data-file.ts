import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { OutpostError } from '../../errors/outpost-error.ts'

/** LMDB's page header, then magic number and version (`mdb.c`, struct MDB_meta). */
const pageHeaderBytes = 24
const magic = 0xbeefc0de

/**
 * Looks at the data file before LMDB maps it, because LMDB trusts its file: a page that lies beyond the end of a
 * truncated one ends the process with SIGBUS instead of an error. An absent or empty file is a new journal.
 */
export async function checkDataFile(folder: string): Promise<void> {
  const file = await open(join(folder, 'data.mdb')).catch(absentAsUndefined)
  if (file === undefined) return
  try {
    const { size } = await file.stat()
    if (size === 0) return
    const head = Buffer.alloc(pageHeaderBytes + 8)
    await file.read(head, 0, head.length, 0)
    if (!hasMagic(head)) throw corrupt(folder, 'it does not start as an LMDB file does')
  } finally {
    await file.close()
  }
}

function hasMagic(head: Buffer): boolean {
  for (let offset = 8; offset <= pageHeaderBytes; offset += 4)
    if (head.readUInt32LE(offset) === magic) return true
  return false
}

function absentAsUndefined(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined
  throw error
}

function corrupt(folder: string, reason: string): OutpostError {
  return new OutpostError('journal_corrupt', `The data file in ${folder} is damaged: ${reason}`)
}
