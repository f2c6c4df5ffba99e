import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { type Clock, systemClock } from '../../clock/clock.ts'
import { isPending } from '../../transaction/state.ts'
import type { Epoch, Seq, TransactionRecord } from '../../transaction/transaction.ts'
import { LocalStore } from '../fallback/local-store.ts'
import type { Journal } from '../journal.ts'
import { RedisJournal } from './redis-journal.ts'
import type { Durability } from './server-check.ts'
import type { RedisPlace } from './session.ts'
import { SharedView } from './shared-view.ts'

export interface RedisJournalOptions extends RedisPlace {
  /** The site whose journal it is: names the keys. Sites may share a Redis, processes of a site share the journal. */
  readonly site: string
  readonly clock?: Clock
  /** `relaxed` takes a Redis that syncs every second, too. Default `full`. */
  readonly durability?: Durability
  /** Bytes of stored records beyond which appends are refused with `journal_full`. Default: no limit but Redis' own. */
  readonly maxBytes?: number
  /** The last part of `maxBytes`, which only critical appends may use. Default 0. */
  readonly reserveBytes?: number
  /** Makes the identity of a new epoch. Default: a random UUID. */
  readonly random?: () => Epoch
  /** An append that Redis does not answer for so long fails with `journal_unavailable`. Default 5,000. */
  readonly patienceMs?: number
  /** How long a process that drains and says nothing keeps others from it. Default 5,000. */
  readonly leadMs?: number
  /**
   * Keeps a copy of the journal in this folder, which the processes of the site share on one machine, and goes on there
   * while Redis is away, full or has lost something. Default: none.
   */
  readonly fallbackPath?: string
  /** With a fallback: Redis away for so long for one process makes the site leave it. Default 500. */
  readonly leaveAfterMs?: number
  /** Called while it opens with every record that is still pending, in order and in chunks. */
  readonly onRecovered?: (records: readonly TransactionRecord[]) => void
}

const connectTimeoutMs = 2_000
const commandTimeoutMs = 3_000
/** Records handed to `onRecovered` at once. */
const recoveredChunk = 1_000

/**
 * Opens the journal of a site in Redis, which its processes share, and begins a new epoch in it where nobody is at work
 * or Redis was started since. Errors: `config_invalid` for a Redis that cannot keep a journal, `journal_unavailable`,
 * `journal_corrupt`.
 *
 * @example
 * const journal = await openRedisJournal({ host: '127.0.0.1', port: 6379, site: 'observatory' })
 */
export async function openRedisJournal(options: RedisJournalOptions): Promise<Journal> {
  const { site, clock = systemClock, durability = 'full', random: makeEpoch = randomUUID } = options
  const author = `${randomUUID()} ${hostname()}/${process.pid}`
  let journal: RedisJournal | undefined
  const { fallbackPath, leaveAfterMs = 500 } = options
  const store =
    fallbackPath === undefined
      ? undefined
      : await LocalStore.open({ path: fallbackPath, clock, author, makeEpoch })
  const view = new SharedView({
    place: options,
    site,
    clock,
    allowed: durability,
    author,
    makeId: randomUUID,
    makeEpoch,
    connectTimeoutMs,
    commandTimeoutMs,
    onRecords: (records) => journal?.tell(records),
    onChanges: async (changes) => await journal?.tellChanges(changes),
    onLost: (error) => journal?.fail(error),
    onReload: () => journal?.forgetUnsent(),
    onUp: () => journal?.newsCame(),
    onNews: () => journal?.newsCame(),
    ...(store && { fallback: { store, leaveAfterMs } }),
  })
  try {
    await view.open()
    const {
      patienceMs = 5_000,
      leadMs = 5_000,
      maxBytes = Number.POSITIVE_INFINITY,
      reserveBytes = 0,
    } = options
    const limits = { maxBytes, reserveBytes, patienceMs, leadMs }
    journal = new RedisJournal(view, { clock, author, makeEpoch, ...limits })
    await recover(journal, view, options.onRecovered)
    await journal.start()
    return journal
  } catch (error) {
    await view.link.stop()
    throw error
  }
}

/** Hands out what is pending, and learns which transaction is the newest. */
async function recover(
  journal: RedisJournal,
  view: SharedView,
  onRecovered: RedisJournalOptions['onRecovered'],
): Promise<void> {
  const { firstSeq, lastSeq, statuses } = view.mirror
  const newest = (await journal.getMany([lastSeq]))[0]
  // Whoever has folded more meanwhile knows a newer one.
  if (newest !== undefined && view.mirror.lastSeq === lastSeq) view.mirror.lastId = newest.id
  if (onRecovered === undefined) return
  let chunk: Seq[] = []
  const hand = async () => {
    const records = await journal.getMany(chunk)
    if (records.length > 0) onRecovered(records)
    chunk = []
  }
  for (let seq = firstSeq; seq <= lastSeq; seq += 1) {
    if (!isPending(statuses.state(seq))) continue
    chunk.push(seq)
    if (chunk.length >= recoveredChunk) await hand()
  }
  await hand()
}
