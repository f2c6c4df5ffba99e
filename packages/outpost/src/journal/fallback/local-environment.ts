import { resolve } from 'node:path'
import type { Database, RootDatabase, RootDatabaseOptions } from 'lmdb'
import type { Seq } from '../../transaction/transaction.ts'
import { makeJournalFolder } from '../journal-folder.ts'
import { checkDataFile } from '../lmdb/data-file.ts'
import { loadLmdb, need, openError, syncFolders } from '../lmdb/environment.ts'
import { productSettings } from '../lmdb/environment-settings.ts'
import { checkFileAccess } from '../lmdb/file-access.ts'
import { FreeSpace } from '../lmdb/free-space.ts'
import type { ProcessIdentity } from '../lmdb/process-identity.ts'
import type { LocalState } from './local-state.ts'

/** One record: buffered at, body, transaction id, digest of the Idempotency-Key or empty, packed keys that it writes. */
export type LocalRecord = readonly [
  bufferedAtMs: number,
  body: string,
  id: string,
  digest: string,
  writes: string,
]

/** One change of statuses as JSON, who made it, and its serial there. */
type LocalChange = readonly [changes: string, author: string, serial: string]

/** When the transaction of an answer was dropped, and the digest of its Idempotency-Key. */
export type DropPlace = [whenMs: number, digest: string]

/** What another process must know of one that uses the store. */
interface Participant {
  readonly identity: ProcessIdentity
  /** Whether it reaches Redis. */
  readonly isUp: boolean
}

/** The databases of the copy; all share one file, which every process of the site writes under LMDB's own lock. */
export interface LocalEnvironment {
  readonly path: string
  readonly space: FreeSpace
  readonly root: RootDatabase
  readonly state: Database<LocalState, string>
  readonly records: Database<LocalRecord, Seq>
  readonly ids: Database<Seq, string>
  readonly keyed: Database<Seq, string>
  readonly changes: Database<LocalChange, number>
  readonly runs: Database<string, number>
  readonly facts: Database<string, string>
  /** Digest of an Idempotency-Key → answer of a dropped transaction, as Redis keeps it. */
  readonly answers: Database<string, string>
  readonly expiries: Database<true, DropPlace>
  readonly participants: Database<Participant, string>
}

/**
 * Those that this process has open. A second one of the same file would have to wait, in the middle of the event loop,
 * for a transaction of the first, which waits for the event loop.
 */
const shared = new Map<string, { readonly environment: Promise<LocalEnvironment>; users: number }>()

/** Opens the folder beside other processes. Errors: `config_invalid`, `journal_corrupt`, `journal_full`. */
export async function openLocalEnvironment(path: string): Promise<LocalEnvironment> {
  const folder = resolve(path)
  const present = shared.get(folder) ?? { environment: openEnvironment(folder), users: 0 }
  present.users += 1
  shared.set(folder, present)
  try {
    return await present.environment
  } catch (error) {
    shared.delete(folder)
    throw error
  }
}

/** Closes it when nobody in this process uses it any more. */
export async function closeLocalEnvironment({ path, root }: LocalEnvironment): Promise<void> {
  const present = shared.get(path)
  if (present === undefined) return
  present.users -= 1
  if (present.users > 0) return
  shared.delete(path)
  await root.close()
}

async function openEnvironment(path: string): Promise<LocalEnvironment> {
  const { open } = await loadLmdb()
  const made = await makeJournalFolder(path)
  checkFileAccess(path, 'write')
  checkDataFile(path)
  const space = new FreeSpace(path, productSettings.freeBytes)
  space.refuseWrite()
  const options: RootDatabaseOptions = {
    noSubdir: false,
    maxDbs: 12,
    mapSize: productSettings.mapSize,
    overlappingSync: false,
    encoding: 'msgpack',
  }
  try {
    const root: RootDatabase = open(path, options)
    await syncFolders(path, made)
    const table = <T, K extends string | number | DropPlace>(name: string): Database<T, K> =>
      need(root.openDB<T, K>(name, { encoding: 'msgpack' }), path)
    return {
      path,
      space,
      root,
      state: table('state'),
      records: table('records'),
      ids: table('ids'),
      keyed: table('keyed'),
      changes: table('changes'),
      runs: table('runs'),
      facts: table('facts'),
      answers: table('answers'),
      expiries: table('expiries'),
      participants: table('participants'),
    }
  } catch (error) {
    throw openError(path, error)
  }
}
