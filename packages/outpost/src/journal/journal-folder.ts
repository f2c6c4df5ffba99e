import { mkdir, open, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { OutpostError } from '../errors/outpost-error.ts'

/** Makes the folder where it is absent. Answers the topmost folder that had to be made. Error: `config_invalid`. */
export async function makeJournalFolder(path: string): Promise<string | undefined> {
  try {
    return await makeFolders(resolve(path))
  } catch (cause) {
    throw unusableFolder(path, cause)
  }
}

/** Proves by a file that is written, synced and removed again that the folder can hold a journal. Error: `config_invalid`. */
export async function assertWritable(path: string): Promise<void> {
  const probe = join(path, `.probe-${process.pid}`)
  try {
    if (!(await stat(path)).isDirectory()) throw new Error('it is a file, not a folder')
    const file = await open(probe, 'w', 0o600)
    try {
      await file.writeFile('written and synced')
      await file.sync()
    } finally {
      await file.close()
    }
    await rm(probe)
  } catch (cause) {
    await rm(probe, { force: true }).catch(() => undefined)
    // Of a full disk the journal itself tells, with what to do about it.
    if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw unusableFolder(path, cause)
  }
}

/** What is told about a folder that cannot hold a journal. */
export function unusableFolder(path: string, cause: unknown): OutpostError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new OutpostError('config_invalid', `The journal cannot use the folder ${path}: ${reason}`, {
    hint: 'Set JOURNAL_PATH to a folder that this user may write.',
    cause,
  })
}

/** Not `mkdir`'s own `recursive`: Node never comes back from a file system like /proc, which answers ENOENT. */
async function makeFolders(path: string): Promise<string | undefined> {
  const first = await tryMake(path)
  if (first !== 'no_parent') return first === 'made' ? path : undefined
  const top = await makeFolders(dirname(path))
  if ((await tryMake(path)) === 'no_parent') throw new Error('the folder above it takes no folders')
  return top ?? path
}

async function tryMake(path: string): Promise<'made' | 'exists' | 'no_parent'> {
  try {
    await mkdir(path, { mode: 0o700 })
    return 'made'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return 'exists'
    if (code === 'ENOENT' && dirname(path) !== path) return 'no_parent'
    throw error
  }
}
