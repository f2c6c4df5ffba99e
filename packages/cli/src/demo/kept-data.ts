import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OutpostError } from 'outpost'
import type { DemoFolder } from './folder.ts'

/** Refuses to start another major version of PostgreSQL on kept data: it would only say so in its log. */
export async function assertSameVersion(folder: DemoFolder, major: number): Promise<void> {
  if (!folder.isKept) return
  const kept = (await readFile(join(folder.path, 'main', 'PG_VERSION'), 'utf8')).trim()
  if (kept === String(major)) return
  throw new OutpostError(
    'folder_in_use',
    `${folder.path} holds data of PostgreSQL ${kept}, and this is ${major}.`,
    {
      hint: `Set PG_BIN to the programs of PostgreSQL ${kept}, or give another folder.`,
    },
  )
}
