import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  openSync,
  type Stats,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { OutpostError } from '../../errors/outpost-error.ts'

/**
 * Proves that LMDB will be let to its two files, because a lock file that is denied ends the process (SIGSEGV) instead
 * of raising an error: readers, too, write to it. Where only the lock file is absent it is made here, with owner, group
 * and mode of the data file: made by LMDB for another user, such as root who lists transactions, it would shut the site
 * out of its own journal. Error: `config_invalid`.
 */
export function checkFileAccess(folder: string, mode: 'write' | 'read'): void {
  const data = join(folder, 'data.mdb')
  const lock = join(folder, 'lock.mdb')
  const found = statOrUndefined(data)
  if (found !== undefined && statOrUndefined(lock) === undefined) makeLikeData(lock, found, mode)
  if (mode === 'write') requireAccess(data, mode)
  requireAccess(lock, mode)
}

/** What is told about a file of the journal that this user may not use. */
export function deniedFile(file: string, wanted: string, cause: unknown): OutpostError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new OutpostError('config_invalid', `The journal's file ${file} cannot be ${wanted}: ${reason}`, {
    hint: "Run this as the user of the site; when the file is another user's, give it back as root: `chown <user of the site>: <file>`.",
    cause,
  })
}

/** Asks without opening: a descriptor closed here would end the locks that LMDB has on the file in this process. */
function requireAccess(file: string, mode: 'write' | 'read'): void {
  try {
    accessSync(file, constants.R_OK | constants.W_OK)
  } catch (error) {
    if (!isHarmless(error, mode)) throw deniedFile(file, 'read and written', error)
  }
}

function makeLikeData(lock: string, { uid, gid, mode }: Stats, opening: 'write' | 'read'): void {
  let descriptor: number
  try {
    descriptor = openSync(lock, 'wx', 0o600)
  } catch (error) {
    // Another process was faster: what it made is judged like any other.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' || isHarmless(error, opening)) return
    throw deniedFile(lock, 'made', error)
  }
  try {
    if (process.getuid?.() === 0) fchownSync(descriptor, uid, gid)
    fchmodSync(descriptor, mode & 0o666)
  } finally {
    closeSync(descriptor)
  }
}

/** An absent file LMDB makes; on a disk that takes no writes LMDB reads without a lock file. */
function isHarmless(error: unknown, mode: 'write' | 'read'): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || (code === 'EROFS' && mode === 'read')
}

function statOrUndefined(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false })
  } catch (error) {
    throw deniedFile(file, 'reached', error)
  }
}
