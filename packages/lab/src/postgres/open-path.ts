import { chmod, lstat, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, sep } from 'node:path'
import { LabError } from '../errors/lab-error.ts'

/**
 * Lets the server's user walk into a folder of ours. The folder itself, and what lies between it and the
 * temporary directory, is opened for passing through (a `mktemp -d` is closed to others); any other closed folder
 * above is the user's own decision, and the error names it.
 */
export async function openToServerUser(folder: string): Promise<void> {
  await addMode(folder, 0o055)
  for (let path = dirname(folder); path !== dirname(path); path = dirname(path)) {
    const { mode } = await stat(path)
    if (mode & 0o001) continue
    if (!path.startsWith(join(tmpdir(), sep))) {
      throw new LabError('lab_user', `The user that PostgreSQL runs as may not enter ${path}.`, {
        hint: `PostgreSQL refuses to run as root: choose a data folder elsewhere, or run: chmod o+x ${path}`,
      })
    }
    await addMode(path, 0o001)
  }
}

/** Whether something is at this path; a dangling link counts. */
export function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

async function addMode(path: string, bits: number): Promise<void> {
  const { mode } = await stat(path)
  if ((mode & bits) !== bits) await chmod(path, (mode & 0o7777) | bits)
}
