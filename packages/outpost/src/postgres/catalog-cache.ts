import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Catalog } from './catalog.ts'
import { deserializeCatalog, serializeCatalog } from './catalog-file.ts'

/** What was found on disk. A file that cannot be used counts as absent; `reason` says why, for health and logs. */
export type CachedCatalog =
  | { readonly kind: 'found'; readonly catalog: Catalog }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unusable'; readonly reason: string }

/**
 * The catalog kept in one file, so that a site can start with every database away.
 *
 * Invariant: the file is absent or complete, whatever happens during a write: a new one is written beside it, synced,
 * and takes its place in one step. Concurrent writes of one cache take turns; the last one stays.
 */
export class CatalogCache {
  readonly #path: string
  #writing: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  /** Never throws for a bad file: main or the replica can give a new one. */
  async read(): Promise<CachedCatalog> {
    let text: string
    try {
      text = await readFile(this.#path, 'utf8')
    } catch (error) {
      return isMissing(error) ? { kind: 'absent' } : unusable(this.#path, error)
    }
    try {
      return { kind: 'found', catalog: deserializeCatalog(text) }
    } catch (error) {
      return unusable(this.#path, error)
    }
  }

  /** Durable when it resolves. Rejects with the file system's error; the file from before stays then. */
  write(catalog: Catalog): Promise<void> {
    const written = this.#writing.then(() => replaceFile(this.#path, serializeCatalog(catalog)))
    // A failed write is its own caller's news, the next one starts afresh.
    this.#writing = written.catch(() => undefined)
    return written
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  const temporary = `${path}.${process.pid}.tmp`
  try {
    await writeSynced(temporary, text)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(folder)
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600)
  try {
    await file.writeFile(text, 'utf8')
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Without this the rename itself could be undone by a power cut. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function unusable(path: string, error: unknown): CachedCatalog {
  const why = error instanceof Error ? error.message : String(error)
  return { kind: 'unusable', reason: `The cached table definitions in ${path} cannot be used: ${why}.` }
}
