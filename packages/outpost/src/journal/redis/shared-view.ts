import type { Clock } from '../../clock/clock.ts'
import { OutpostError } from '../../errors/outpost-error.ts'
import type { Epoch, TransactionRecord } from '../../transaction/transaction.ts'
import type { LocalStore } from '../fallback/local-store.ts'
import { PairedGreeting } from '../fallback/paired-greeting.ts'
import { PairedLink } from '../fallback/paired-link.ts'
import type { StatusChange } from '../journal.ts'
import type { StatusRuns } from '../status-runs.ts'
import { refuseAttach } from './attach-refusal.ts'
import { keysOf } from './keys.ts'
import { RedisLink } from './link.ts'
import { attach, catchUp, load, type Script } from './lua.ts'
import { type LoadedStatuses, Mirror } from './mirror.ts'
import { redisError } from './redis-error.ts'
import { type News, pairsOf, parseNews, type Reply } from './replies.ts'
import { type Durability, judgeServer, readServerFacts } from './server-check.ts'
import type { RedisPlace, RedisSession } from './session.ts'
import type { StoreLink } from './store-link.ts'

export interface SharedViewOptions {
  readonly place: RedisPlace
  readonly site: string
  readonly clock: Clock
  readonly allowed: Durability
  /** This process, among those at the site. */
  readonly author: string
  readonly makeId: () => string
  readonly makeEpoch: () => Epoch
  readonly connectTimeoutMs: number
  readonly commandTimeoutMs: number
  /** Records that others appended, in seq order. */
  readonly onRecords: (records: readonly TransactionRecord[]) => void
  /** Changes of status that others made. What fails is given again before anybody hears that it has caught up. */
  readonly onChanges: (changes: readonly StatusChange[]) => Promise<void>
  /** Redis has lost what this process knows of: final. */
  readonly onLost: (error: OutpostError) => void
  /** What this process believes of statuses gives way to what is stored. */
  readonly onReload: () => void
  readonly onUp: () => void
  readonly onNews: () => void
  /** Where the journal is while Redis is away. */
  readonly fallback?: Fallback
  /** For who writes nothing and leads nothing: what is read, Redis or another link. */
  readonly readsOnly?: 'redis' | StoreLink
}

export interface Fallback {
  readonly store: LocalStore
  /** Redis away for so long for one process: the site leaves it. */
  readonly leaveAfterMs: number
}

/** How long a question waits for Redis. */
const questionPatienceMs = 1_000

/**
 * One process's view of the journal that it shares. States: made → `open()` → in touch ⇄ out of touch → `stop()` →
 * stopped; lost (final).
 *
 * Invariant: {@link catchUp} resolves only after everything is folded that was in Redis when it was called (N23).
 */
export class SharedView {
  readonly link: StoreLink
  readonly #options: SharedViewOptions
  #mirror: Mirror | undefined
  #identity = ''
  #durability: Durability = 'full'
  #current: Promise<void> | undefined
  #following: Promise<void> | undefined
  #mustReload = false
  /** Changes that listeners have not taken in yet, oldest first. */
  readonly #untold: (readonly StatusChange[])[] = []
  #telling: Promise<void> | undefined

  constructor(options: SharedViewOptions) {
    this.#options = options
    this.link = this.#makeLink()
  }

  /** Errors: `config_invalid`, `journal_unavailable`, `journal_corrupt`. */
  async open(): Promise<void> {
    await this.link.start()
    this.#mirror = new Mirror(this.#options.author, await this.#load())
    await this.catchUp()
  }

  get mirror(): Mirror {
    if (this.#mirror === undefined) throw new TypeError('The journal was asked before it was open.')
    return this.#mirror
  }

  get durability(): Durability {
    return this.#durability
  }

  /** What follows `ok` in the answer, or `held` with what follows that. Errors: those of {@link redisError}. */
  async run(script: Script, args: readonly string[]): Promise<readonly Reply[]> {
    try {
      const reply = await this.link.run(script, [this.#identity, ...args])
      if (reply[0] === 'lost') throw this.#lost()
      return reply[0] === 'ok' ? reply.slice(1) : reply
    } catch (error) {
      throw redisError(error)
    }
  }

  /** Errors: `journal_unavailable`. */
  catchUp(): Promise<void> {
    if (this.#current === undefined) return this.#begin()
    // What is under way may have asked before this call.
    this.#following ??= this.#current
      .catch(() => undefined)
      .then(() => {
        this.#following = undefined
        return this.#begin()
      })
    return this.#following
  }

  /** Where this process stands, as the scripts take it. */
  get place(): readonly string[] {
    const { lastSeq, change, version } = this.mirror
    return [lastSeq, change, version].map(String)
  }

  /** Folds what came along with an answer; answers the records, which the caller must tell of. */
  take(news: News): readonly TransactionRecord[] {
    const { records, changes, mustReload } = this.mirror.fold(news)
    if (changes.length > 0) this.#untold.push(changes)
    this.#mustReload ||= mustReload
    return records
  }

  /** Changes that listeners are still to be told of. */
  putOff(changes: readonly StatusChange[]): void {
    this.#untold.unshift(changes)
  }

  /** What this process believes of statuses is not what Redis has: the next catch-up reads them anew. */
  distrustStatuses(): void {
    this.#mustReload = true
  }

  #begin(): Promise<void> {
    const round = this.#catchUp().finally(() => {
      if (this.#current === round) this.#current = undefined
    })
    this.#current = round
    return round
  }

  async #catchUp(): Promise<void> {
    for (let isWhole = false; !isWhole; ) {
      if (this.#mustReload) await this.#reload()
      const news = await this.#ask()
      const records = this.take(news)
      if (records.length > 0) this.#options.onRecords(records)
      isWhole = news.isWhole && !this.#mustReload
    }
    await this.#tell()
  }

  /** A question may be asked again over a new connection. */
  async #ask(): Promise<News> {
    for (;;) {
      const outage = this.link.outage
      if (outage !== undefined && !(await this.link.isUpWithin(questionPatienceMs - outage.forMs))) {
        throw this.link.outage?.reason ?? outage.reason
      }
      try {
        return parseNews((await this.run(catchUp, this.place))[0])
      } catch (error) {
        if (this.link.outage === undefined) throw error
      }
    }
  }

  async #tell(): Promise<void> {
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = undefined
    })
    await this.#telling
  }

  async #tellAll(): Promise<void> {
    for (let changes = this.#untold[0]; changes !== undefined; changes = this.#untold[0]) {
      await this.#options.onChanges(changes)
      this.#untold.shift()
    }
  }

  async #reload(): Promise<void> {
    this.#mustReload = false
    // A store on this machine answers at once: others must have their turn in between.
    await new Promise((resolve) => setImmediate(resolve))
    const loaded = await this.#load()
    if (loaded.lastSeq > this.mirror.lastSeq) {
      this.#mustReload = true
      const records = this.take({ ...(await this.#ask()), changes: [], mustReload: false })
      if (records.length > 0) this.#options.onRecords(records)
      return
    }
    this.#options.onReload()
    const before = this.mirror.statuses
    this.mirror.reload(loaded)
    const changes = this.mirror.changesSince(before)
    if (changes.length > 0) this.#untold.push(changes)
  }

  async #load(): Promise<LoadedStatuses> {
    const [first, last, folded, runs] = await this.run(load, [])
    return {
      firstSeq: Number(first),
      lastSeq: Number(last),
      change: Number(folded),
      chunks: pairsOf(runs).map(([chunk, json]) => [Number(chunk), JSON.parse(json) as StatusRuns]),
    }
  }

  #makeLink(): StoreLink {
    const options = this.#options
    const { fallback, readsOnly } = options
    if (fallback !== undefined) return this.#pair(fallback)
    if (readsOnly === 'redis') return new RedisLink({ ...options, greet: (session) => this.#find(session) })
    return readsOnly ?? new RedisLink({ ...options, greet: (session) => this.#greet(session) })
  }

  /** For who only looks: whatever server it is. */
  async #find(session: RedisSession): Promise<void> {
    const journal = await session.command(['HGET', keysOf(this.#options.site).all[0]!, 'journal'])
    if (typeof journal !== 'string') {
      throw new OutpostError('config_invalid', `Redis has no journal of site ${this.#options.site}`, {
        hint: 'Look at SITE_NAME, REDIS_HOST, REDIS_PORT and REDIS_DB.',
      })
    }
    this.#identity = journal
  }

  #pair({ store, leaveAfterMs }: Fallback): PairedLink {
    const options = this.#options
    const greeting = new PairedGreeting({
      ...options,
      store,
      onDurability: (durability) => {
        this.#durability = durability
      },
    })
    const redis = new RedisLink({ ...options, greet: (session) => greeting.greet(session) })
    return new PairedLink({ ...options, redis, store, leaveAfterMs })
  }

  /** Looks at the server of a new connection: whether it keeps its word, and whether it has what this process knows. */
  async #greet(session: RedisSession): Promise<void> {
    const facts = await readServerFacts((args) => session.command(args))
    const durability = judgeServer(facts, this.#options.allowed)
    const { makeId, makeEpoch } = this.#options
    const known = this.#mirror
    const reply = await session.run(attach, [
      makeId(),
      facts.run,
      makeEpoch(),
      this.#identity,
      String(known?.lastSeq ?? 0),
      known?.lastId ?? '',
      known === undefined ? 'start' : '',
      '',
    ])
    if (reply[0] === 'lost') throw this.#lost()
    refuseAttach(reply)
    this.#identity = String(reply[1])
    this.#durability = durability
  }

  #lost(): OutpostError {
    const error = new OutpostError(
      'journal_failed',
      `Redis has lost transactions that were acknowledged: this process knows of ${this.#mirror?.lastSeq ?? 0}`,
      {
        hint: 'Look whether Redis was emptied, restored from an older copy or has cut its file; bring the right file back if there is one. Then restart every process of the site: what main has stays applied once, and new writes get a new epoch.',
      },
    )
    this.#options.onLost(error)
    return error
  }
}
