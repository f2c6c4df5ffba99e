import { join } from 'node:path'
import type { OpenMainSession } from '../applier/main-session.ts'
import { type Clock, systemClock } from '../clock/clock.ts'
import { refuseUnreturned } from '../journal/fallback/refuse-unreturned.ts'
import type { Journal } from '../journal/journal.ts'
import { assertWritable, makeJournalFolder } from '../journal/journal-folder.ts'
import { type LmdbJournalOptions, openLmdbJournal } from '../journal/lmdb/open.ts'
import { openRedisJournal } from '../journal/redis/open.ts'
import { createOverlay } from '../overlay/create-overlay.ts'
import type { Catalog } from '../postgres/catalog.ts'
import { connectionConfig } from '../postgres/connection-config.ts'
import { liftedOrAsIs } from '../schema/lifter.ts'
import { DependencyIndex } from '../transaction/dependency-index.ts'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'
import { CatalogSource } from './catalog-source.ts'
import { ConeIndex } from './dead-letters/cone-index.ts'
import { Decisions } from './dead-letters/decisions.ts'
import { KeptClock } from './kept-clock.ts'
import { NodePool } from './node-pool.ts'
import { RunningSite } from './running-site.ts'
import { SentMark } from './sent-mark.ts'
import type { Site, SiteDatabase, SiteOptions } from './site-api.ts'
import { type SiteSettings, siteSettings } from './site-settings.ts'

/** Where a test may step in; the product has none. */
export interface SiteSeams {
  readonly journal?: (journal: Journal) => Journal
  readonly sessions?: (open: OpenMainSession) => OpenMainSession
  readonly clock?: Clock
}

/**
 * Opens a site: its journal, its merged reads and the applier that drains the journal into main.
 *
 * Needs no database but for the very first start, which reads the table definitions. Errors: `config_invalid`,
 * `catalog_missing`, `journal_in_use`, `journal_corrupt`, `journal_unavailable`.
 *
 * @example
 * const site = await openSite({ name: 'observatory', type: 'secondary', main, local, journalPath, secretKey })
 * const write = site.transaction()
 * write.insert('executed_obs_unit', { obs_unit_id: 7, status: 'running' })
 * const receipt = await site.append(write)
 */
export function openSite(options: SiteOptions): Promise<Site> {
  return openSiteWith(options, {})
}

/** As {@link openSite}, with steps that a test can watch or end the process in. */
export async function openSiteWith(options: SiteOptions, seams: SiteSeams): Promise<Site> {
  const settings = siteSettings(options)
  const clock = seams.clock ?? systemClock
  await makeJournalFolder(settings.journalPath)
  await assertWritable(settings.journalPath)
  const main = poolOf('main', settings.main, settings, clock)
  const local = settings.local && poolOf('replica', settings.local, settings, clock)
  const [replica, standby] = settings.type === 'secondary' ? [local, undefined] : [undefined, local]
  const watch =
    replica && settings.local
      ? poolOf('replica', settings.local, settings, clock, 2)
      : poolOf('main', settings.main, settings, clock, 2)
  try {
    const nodes = [replica, main, standby].filter((node) => node !== undefined)
    const catalog = await CatalogSource.open(settings.journalPath, settings.schemas, nodes)
    const parts = await openJournal(settings, seams, clock, catalog)
    const site = new RunningSite({ settings, clock, catalog, main, replica, standby, watch, ...parts, seams })
    await site.start()
    return site
  } catch (error) {
    await Promise.all([main.stop(), local?.stop(), watch.stop()])
    throw error
  }
}

async function openJournal(settings: SiteSettings, seams: SiteSeams, clock: Clock, catalog: CatalogSource) {
  let journal: Journal | undefined
  const opened = () => {
    if (!journal) throw new TypeError('The journal was asked before it was open.')
    return journal
  }
  const dependencies = new DependencyIndex()
  const cones = new ConeIndex()
  const decisions = new Decisions(opened)
  const recoveredDecisions: TransactionRecord[] = []
  const sent = new SentMark()
  const keptClock = new KeptClock({ clock, journal: opened, catalog: () => catalog.current })
  const overlay = createOverlay({
    catalog: () => catalog.current,
    history: () => catalog.history,
    journal: lateJournal(opened),
    statusOf: (seq) => opened().status(seq).state,
    clock,
    // Only where the journal is this process's alone: see SentMark.
    ...(settings.redis === undefined && { sentThrough: () => sent.through }),
  })
  const stored = await openStore(settings, {
    clock,
    ...(settings.journalMaxBytes !== undefined && { maxBytes: settings.journalMaxBytes }),
    reserveBytes: settings.journalReserveBytes,
    onRecovered: (records) => {
      overlay.fold(records)
      keptClock.fold(records)
      for (const recorded of records) {
        const record = inPresentForm(recorded, catalog)
        dependencies.add(record)
        cones.add(record)
        if (record.decision) recoveredDecisions.push(record)
      }
    },
  })
  journal = seams.journal?.(stored) ?? stored
  catalog.beforeUse = async (next, use) => {
    if (next.history?.at(-1)?.id === catalog.current.history?.at(-1)?.id) return use()
    const rename = async (after: number) => await renameKeys(opened(), dependencies, catalog, next, after)
    const { lastSeq } = opened()
    await rename(0)
    await overlay.changeDefinitions(next, use)
    // What was recorded meanwhile has the old names, too.
    await rename(lastSeq)
  }
  keptClock.start()
  return { journal, overlay, dependencies, cones, decisions, recoveredDecisions, sent, keptClock }
}

/** As the tables are now; what a database that is behind does not know stays as it was recorded. */
function inPresentForm(record: TransactionRecord, catalog: CatalogSource): TransactionRecord {
  return liftedOrAsIs(record, catalog.history, catalog.current.history)
}

const unsettled = ['buffered', 'parked', 'rejected'] as const
const pageSize = 1_000

/** What a new transaction may have to wait for is found under the names that its tables have now. */
async function renameKeys(
  journal: Journal,
  dependencies: DependencyIndex,
  catalog: CatalogSource,
  next: Catalog,
  from: Seq,
): Promise<void> {
  for (const state of unsettled) {
    for (let after: Seq | undefined = from; after !== undefined; ) {
      const seqs: readonly Seq[] = journal.seqsIn(state, { after, limit: pageSize })
      for (const record of await journal.getMany(seqs)) {
        const present = liftedOrAsIs(record, catalog.history, next.history)
        if (present.writes !== record.writes || present.references !== record.references)
          dependencies.addNames(present)
      }
      after = seqs.length < pageSize ? undefined : seqs.at(-1)
    }
  }
}

type StoreOptions = Pick<LmdbJournalOptions, 'clock' | 'maxBytes' | 'reserveBytes' | 'onRecovered'>

async function openStore(settings: SiteSettings, options: StoreOptions): Promise<Journal> {
  const { redis, name, journalDurability, journalFallback, journalPath } = settings
  if (redis === undefined) return await openLmdbJournal({ ...options, path: join(journalPath, 'lmdb') })
  if (journalFallback === 'none') await refuseUnreturned(join(journalPath, 'fallback'))
  const fallback = journalFallback === 'lmdb' ? { fallbackPath: join(journalPath, 'fallback') } : {}
  return await openRedisJournal({
    ...options,
    ...redis,
    ...fallback,
    site: name,
    durability: journalDurability,
  })
}

/** The overlay is filled while the journal is being opened, and asks it only afterwards. */
function lateJournal(opened: () => Journal): Journal {
  return new Proxy({} as Journal, {
    get: (_, name) => {
      const value: unknown = Reflect.get(opened(), name)
      return typeof value === 'function' ? value.bind(opened()) : value
    },
  })
}

function poolOf(
  name: 'main' | 'replica',
  database: SiteDatabase,
  settings: SiteSettings,
  clock: Clock,
  maxConnections = 10,
): NodePool {
  const config = connectionConfig(database, {
    applicationName: `outpost ${settings.name} reads`,
    connectTimeoutMs: 5_000,
  })
  return new NodePool({ name, config, clock, maxConnections })
}
