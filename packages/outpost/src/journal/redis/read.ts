import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../clock/clock.ts'
import { OutpostError } from '../../errors/outpost-error.ts'
import { LocalStore } from '../fallback/local-store.ts'
import { LookingLink } from '../fallback/looking-link.ts'
import type { JournalReader } from '../journal.ts'
import { RedisReader } from './redis-reader.ts'
import type { RedisPlace } from './session.ts'
import { SharedView } from './shared-view.ts'

export interface RedisReaderOptions extends RedisPlace {
  /** The site whose journal it is. */
  readonly site: string
  /** Where the site has a fallback: its copy has everything, also while Redis is away, and is what is read. */
  readonly fallbackPath?: string
  readonly clock?: Clock
}

const timeouts = { connectTimeoutMs: 2_000, commandTimeoutMs: 3_000 }

/**
 * Opens the journal of a site in Redis to be asked, as it is at this moment: takes no lead, begins no epoch and writes
 * nothing. Processes of the site may be at work. Errors: `config_invalid` where there is no journal of this site,
 * `journal_unavailable`.
 */
export async function readRedisJournal(options: RedisReaderOptions): Promise<JournalReader> {
  const { site, fallbackPath, clock = systemClock } = options
  const view = new SharedView({
    ...timeouts,
    place: options,
    site,
    clock,
    allowed: 'relaxed',
    author: 'a reader',
    makeId: needless,
    makeEpoch: needless,
    onRecords: () => undefined,
    onChanges: () => Promise.resolve(),
    onLost: () => undefined,
    onReload: () => undefined,
    onUp: () => undefined,
    onNews: () => undefined,
    readsOnly: fallbackPath === undefined ? 'redis' : new LookingLink(await openCopy(fallbackPath, clock)),
  })
  try {
    await view.open()
    return new RedisReader({ view, nowMs: () => clock.nowMs() })
  } catch (error) {
    await view.link.stop()
    throw error
  }
}

async function openCopy(path: string, clock: Clock): Promise<LocalStore> {
  if (!existsSync(join(path, 'data.mdb'))) {
    throw new OutpostError('config_invalid', `There is no copy of a journal in ${path}`, {
      hint: 'It is below JOURNAL_PATH of a site that has run with JOURNAL_FALLBACK=lmdb.',
    })
  }
  return await LocalStore.open({ path, clock, author: 'a reader', makeEpoch: needless })
}

function needless(): never {
  throw new TypeError('A reader makes nothing.')
}
