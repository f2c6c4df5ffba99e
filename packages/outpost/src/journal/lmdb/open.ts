import { randomInt, randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../clock/clock.ts'
import { OutpostError } from '../../errors/outpost-error.ts'
import type { Epoch, TransactionRecord } from '../../transaction/transaction.ts'
import type { Journal, JournalReader } from '../journal.ts'
import { openEnvironment } from './environment.ts'
import { type EnvironmentSettings, productSettings } from './environment-settings.ts'
import { deniedFile } from './file-access.ts'
import { createMeta, readFacts, readMeta } from './journal-meta.ts'
import { writeError } from './lmdb-error.ts'
import { LmdbJournal } from './lmdb-journal.ts'
import { LmdbReader } from './lmdb-reader.ts'
import { recover } from './recovery.ts'
import { takeWriterLock } from './writer-lock.ts'

export interface LmdbJournalOptions {
  /** Folder of the journal; made when it is absent. */
  readonly path: string
  readonly clock: Clock
  /** Bytes of stored records beyond which appends are refused with `journal_full`. Default: no limit but the disk. */
  readonly maxBytes?: number
  /** The last part of `maxBytes`, which only critical appends may use. Default 0. */
  readonly reserveBytes?: number
  /** Makes the identity of a new epoch. Default: a random UUID. */
  readonly random?: () => Epoch
  /**
   * Called during the recovery scan with every record that is still pending, in order and in chunks, so that the
   * overlay is filled without a second pass. The journal itself is not usable yet.
   */
  readonly onRecovered?: (records: readonly TransactionRecord[]) => void
}

/**
 * Opens a journal for writing and begins a new epoch in it. One process at a time: `journal_in_use` names the other.
 * Errors: `journal_in_use`, `journal_corrupt` (nothing was changed), `config_invalid` for an unusable folder,
 * `journal_full`.
 *
 * @example
 * const journal = await openLmdbJournal({ path: '/var/lib/outpost/journal', clock: systemClock })
 */
export function openLmdbJournal(options: LmdbJournalOptions): Promise<Journal> {
  return openLmdbJournalWith(options, productSettings)
}

/** As {@link openLmdbJournal}, with LMDB opened otherwise than the product does: for tests alone. */
export async function openLmdbJournalWith(
  options: LmdbJournalOptions,
  settings: EnvironmentSettings,
): Promise<Journal> {
  const { path, clock, maxBytes = Number.POSITIVE_INFINITY, reserveBytes = 0 } = options
  const { random = randomUUID, onRecovered } = options
  const environment = await openEnvironment(path, 'write', settings)
  try {
    takeWriterLock(environment, path)
    const meta = readMeta(environment) ?? createMeta(environment, randomInt(2 ** 32))
    const { records, statuses } = recover(environment, meta, path, onRecovered)
    const facts = readFacts(environment)
    const journal = new LmdbJournal({
      environment,
      records,
      statuses,
      facts,
      clock,
      maxBytes,
      reserveBytes,
      makeEpoch: random,
    })
    await journal.openEpoch()
    return journal
  } catch (error) {
    await environment.root.close()
    throw writeError(error, environment)
  }
}

/**
 * Opens a journal for reading, also while another process writes to it: what `outpost tx list` shows on a running
 * site. It sees what was durable at this moment. Errors: `config_invalid` when there is none or this user may not use it,
 * `journal_corrupt`.
 */
export async function readLmdbJournal(path: string, clock: Clock = systemClock): Promise<JournalReader> {
  const file = join(path, 'data.mdb')
  await stat(file).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT' && cause.code !== 'ENOTDIR') throw deniedFile(file, 'reached', cause)
    throw new OutpostError('config_invalid', `There is no journal in ${path}`, {
      hint: 'Name the folder that the site has as JOURNAL_PATH.',
      cause,
    })
  })
  const environment = await openEnvironment(path, 'read')
  try {
    const meta = readMeta(environment)
    if (meta === undefined) throw new OutpostError('config_invalid', `There is no journal in ${path}`)
    const { records, statuses } = recover(environment, meta, path)
    return new LmdbReader({ environment, records, statuses, facts: readFacts(environment), clock })
  } catch (error) {
    await environment.root.close()
    throw error
  }
}
