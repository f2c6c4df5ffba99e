import { open as openFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Database, RootDatabase, RootDatabaseOptions } from 'lmdb'
import { isOutpostError, OutpostError } from '../../errors/outpost-error.ts'
import type { IdempotentHit, StatusChange } from '../journal.ts'
import { makeJournalFolder, unusableFolder } from '../journal-folder.ts'
import { checkDataFile } from './data-file.ts'
import { type EnvironmentSettings, productSettings } from './environment-settings.ts'
import { checkFileAccess } from './file-access.ts'
import { FreeSpace } from './free-space.ts'

/** An answer that outlives its dropped transaction (N22). */
interface KeptAnswer extends IdempotentHit {
  readonly scope: string
  readonly key: string
  readonly droppedAtMs: number
}

/** The LMDB databases of one journal folder; all share one file and one commit. */
export interface Environment {
  readonly path: string
  readonly space: FreeSpace
  readonly root: RootDatabase
  /** First seq → block. */
  readonly blocks: Database<Buffer, number>
  /** Chunk number → runs. */
  readonly statuses: Database<readonly StatusChange[], number>
  /** Format, epochs, writer, first seq, facts. */
  readonly meta: Database<unknown, string>
  /** SHA-256 of scope and key → answer of a dropped transaction. */
  readonly answers: Database<KeptAnswer, string>
  /** [when it was dropped, SHA-256] → true: finds what has expired. */
  readonly expiries: Database<true, [number, string]>
}

/**
 * Opens the folder. Commits are LMDB's classic ones: data pages, fdatasync, then the meta page through a descriptor
 * opened with O_DSYNC; the promise of a put resolves after all of it. lmdb's default, `overlappingSync`, resolves
 * before the sync and needs a second wait on `flushed`; it was no faster for grouped writes.
 */
export async function openEnvironment(
  path: string,
  mode: 'write' | 'read',
  settings: EnvironmentSettings = productSettings,
): Promise<Environment> {
  const { open } = await loadLmdb()
  const made = mode === 'write' ? await makeJournalFolder(path) : undefined
  await refuseNonFolder(path)
  checkFileAccess(path, mode)
  checkDataFile(path)
  const space = new FreeSpace(path, settings.freeBytes)
  if (mode === 'write') space.refuseWrite()
  const options: RootDatabaseOptions = {
    noSubdir: false,
    maxDbs: 8,
    mapSize: settings.mapSize,
    overlappingSync: false,
    noSync: !settings.isSynced,
    readOnly: mode === 'read',
    encoding: 'json',
  }
  try {
    const root: RootDatabase = open(path, options)
    if (mode === 'write') await syncFolders(path, made)
    return {
      path,
      space,
      root,
      blocks: need(root.openDB('blocks', { encoding: 'binary' }), path),
      statuses: need(root.openDB('statuses', { encoding: 'json' }), path),
      meta: need(root.openDB('meta', { encoding: 'json' }), path),
      answers: need(root.openDB('answers', { encoding: 'json' }), path),
      expiries: need(root.openDB('expiries', { encoding: 'json' }), path),
    }
  } catch (error) {
    throw openError(path, error)
  }
}

export async function loadLmdb(): Promise<typeof import('lmdb')> {
  try {
    return await import('lmdb')
  } catch (cause) {
    throw new OutpostError('config_invalid', 'The journal needs the package lmdb, which is not installed', {
      hint: 'Run `npm install lmdb`.',
      cause,
    })
  }
}

export function need<T>(database: T | undefined, path: string): T {
  if (database === undefined)
    throw new OutpostError('journal_corrupt', `The file in ${path} is no journal of Outpost`)
  return database
}

/** LMDB syncs its file but not the folder that names it: without this a power loss could take a new journal away. */
export async function syncFolders(path: string, made: string | undefined): Promise<void> {
  const top = made === undefined ? resolve(path) : dirname(resolve(made))
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const handle = await openFile(folder)
    await handle.sync().finally(() => handle.close())
    if (folder === top || folder === dirname(folder)) return
  }
}

async function refuseNonFolder(path: string): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    throw unusableFolder(path, cause)
  })
  if (!found.isDirectory()) throw unusableFolder(path, new Error('it is a file, not a folder'))
}

const permissionCodes: ReadonlySet<unknown> = new Set([1, 2, 13, 20, 30])

export function openError(path: string, cause: unknown): OutpostError {
  if (isOutpostError(cause)) return cause
  const code = (cause as { readonly code?: unknown }).code
  if (permissionCodes.has(code)) return unusableFolder(path, cause)
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new OutpostError('journal_corrupt', `The journal in ${path} cannot be opened: ${reason}`, { cause })
}
