import type { Clock } from '../../clock/clock.ts'
import type { OutpostError } from '../../errors/outpost-error.ts'
import type { JournalFallback } from '../journal.ts'
import type { RedisLink } from '../redis/link.ts'
import type { Script } from '../redis/lua.ts'
import * as lua from '../redis/lua.ts'
import { isRefusal, redisError } from '../redis/redis-error.ts'
import { listOf, type Reply } from '../redis/replies.ts'
import type { Outage, StoreLink } from '../redis/store-link.ts'
import { bringBack } from './bring-back.ts'
import { copy } from './copying.ts'
import type { LocalState } from './local-state.ts'
import type { LocalStore } from './local-store.ts'

export interface PairedLinkOptions {
  readonly redis: RedisLink
  readonly store: LocalStore
  readonly clock: Clock
  /** Redis away for so long for one process: the site leaves it. */
  readonly leaveAfterMs: number
  /** What there is may be another store's now, or new. */
  readonly onUp: () => void
  readonly onNews: () => void
}

/** Of the local store, what others did to it. */
const tickMs = 50
/** A site that has left Redis stays away for so long at least, and after a return that failed. */
const stayMs = 1_000
/** How much longer than it should the site may take to leave Redis, before those who wait are told that it is away. */
const leavingMs = 2_000
/** Between two looks while the journal is on its way back. */
const pauseMs = 5

/**
 * The way to a journal that is in Redis while Redis answers all processes of the site, and in the local store otherwise.
 *
 * Invariant: an answer is handed on only after one LMDB transaction, or one look where nothing is new, has found that
 * the store which gave it still counts. What Redis stored for a process that had not seen the others leave is handed
 * to nobody, done again in the local store, and cut off when the journal returns.
 */
export class PairedLink implements StoreLink {
  readonly #options: PairedLinkOptions
  readonly #underWay = new Set<Promise<unknown>>()
  #seen: LocalState
  #ticker: NodeJS.Timeout | undefined
  #ticking: Promise<void> | undefined
  #returning: Promise<void> | undefined
  #participation: boolean | undefined
  #notBeforeMs = 0
  #trouble: OutpostError | undefined
  #waiting: (() => void)[] = []
  #stopped: Promise<void> | undefined

  constructor(options: PairedLinkOptions) {
    this.#options = options
    this.#seen = options.store.state
  }

  /** Errors: those of the greeting where the local store knows nothing yet, or Redis is what must be mended. */
  async start(): Promise<void> {
    const { redis, store } = this.#options
    const wasAway = store.state.mode !== 'redis'
    try {
      await redis.start()
    } catch (error) {
      const { journal, mode } = store.state
      const known = redisError(error)
      if (journal === '' || (mode === 'redis' && known.code !== 'journal_unavailable')) throw known
      await store.leave(known.message)
      redis.startLater(known)
    }
    if (wasAway) await store.beginUnlessLed()
    this.#look()
    this.#ticker = setInterval(() => {
      this.#ticking ??= this.#tick().finally(() => {
        this.#ticking = undefined
      })
    }, tickMs)
  }

  get isUp(): boolean {
    return this.#seen.mode !== 'redis' || this.#options.redis.isUp
  }

  get isServerUp(): boolean {
    return this.#options.redis.isUp
  }

  get outage(): Outage | undefined {
    return this.#seen.mode === 'redis' ? this.#options.redis.outage : undefined
  }

  /** Where the journal is, as last seen. */
  get fallback(): JournalFallback {
    const { mode, sinceMs, reason, last, base } = this.#seen
    const isInUse = mode !== 'redis'
    return {
      isInUse,
      sinceMs,
      reason,
      recorded: isInUse ? last - base : 0,
      folder: this.#options.store.path,
      trouble: this.#trouble?.message,
    }
  }

  async isUpWithin(ms: number): Promise<boolean> {
    if (this.isUp) return true
    const { redis, clock } = this.#options
    const over = new AbortController()
    const moved = new Promise<void>((resolve) => this.#waiting.push(resolve))
    await Promise.race([redis.whenUp(), moved, clock.sleep(ms, over.signal)])
    over.abort()
    return this.isUp
  }

  async run(script: Script, args: readonly string[]): Promise<readonly Reply[]> {
    return await this.#tracked(this.#run(script, args.slice(1)))
  }

  entries(from: number, to: number): Promise<readonly Reply[]> {
    return Promise.resolve(this.#options.store.entries(from, to))
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    const { redis, store } = this.#options
    clearInterval(this.#ticker)
    await this.#ticking
    await redis.stop()
    await this.#returning
    await Promise.allSettled([...this.#underWay])
    // Who leaves Redis for all counts among those that use the store before its first tick says so.
    const isCounted = this.#participation !== undefined || store.state.mode !== 'redis'
    if (isCounted) await store.part().catch(() => undefined)
    await store.close()
  }

  async #run(script: Script, args: readonly string[]): Promise<readonly Reply[]> {
    const { store, clock } = this.#options
    for (;;) {
      const { mode, journal } = this.#look()
      if (mode === 'redis') {
        const reply = await this.#inRedis(journal, script, args)
        if (reply !== undefined) return reply
        continue
      }
      const reply = store.look(script, args) ?? (await store.run(script, args))
      if (reply !== undefined) return reply
      await clock.sleep(pauseMs)
    }
  }

  /** Undefined when the site has left that Redis meanwhile. */
  async #inRedis(
    journal: string,
    script: Script,
    args: readonly string[],
  ): Promise<readonly Reply[] | undefined> {
    const { store } = this.#options
    const isFinding = script === lua.findById || script === lua.findKeyed
    if (script === lua.load || isFinding) {
      const found = store.look(script, args)!
      if (script === lua.load || found.length > 1) return found
    }
    // Before Redis has it: what is refused here was stored nowhere.
    if (script === lua.append) store.refuseFull(args)
    const reply = await this.#ask(journal, script, args)
    if (reply === undefined) return undefined
    // What is found may not be in the copy yet; facts and epochs are taken with their version.
    const mustPull = isFinding ? reply.length > 1 : script === lua.setFact || script === lua.openEpoch
    if (mustPull && reply[0] !== 'held' && !(await this.#pull(journal))) return undefined
    for (;;) {
      const copied = await copy(store, journal, script, args, reply)
      if (copied === 'copied') return reply
      if (copied === 'left' || !(await this.#pull(journal))) return undefined
    }
  }

  /** Takes whatever Redis has into the copy. False when the site has left it. */
  async #pull(journal: string): Promise<boolean> {
    const { store } = this.#options
    for (;;) {
      const { last, change } = store.state
      const args = [last, change, -1].map(String)
      const reply = await this.#ask(journal, lua.catchUp, args)
      if (reply === undefined) return false
      const copied = await copy(store, journal, lua.catchUp, args, reply)
      if (copied === 'left') return false
      if (copied === 'copied' && listOf(reply[1])[4] === 1) return true
    }
  }

  /** Undefined when the site leaves Redis for what it answers, or had left it. */
  async #ask(
    journal: string,
    script: Script,
    args: readonly string[],
  ): Promise<readonly Reply[] | undefined> {
    const { redis, store, leaveAfterMs } = this.#options
    try {
      const reply = await redis.run(script, [journal, ...args])
      if (reply[0] !== 'lost') return reply
      if (this.#isStill(journal)) await store.leave('Redis has lost transactions that were acknowledged')
    } catch (error) {
      if (!isRefusal(error)) {
        // Cut short: soon there is Redis again, or the site has left it. Each script may be sent again.
        if (redis.isUp || !(await this.isUpWithin(leaveAfterMs + leavingMs))) throw error
        return undefined
      }
      if (this.#isStill(journal)) await store.leave(redisError(error).message)
    }
    this.#look()
    return undefined
  }

  #isStill(journal: string): boolean {
    const { state } = this.#options.store
    return state.mode === 'redis' && state.journal === journal
  }

  /** As it is now; whoever waits for a store hears of a change. */
  #look(): LocalState {
    const before = this.#seen
    this.#seen = this.#options.store.state
    if (before.mode !== this.#seen.mode) {
      for (const wake of this.#waiting.splice(0)) wake()
      this.#options.onUp()
    }
    return this.#seen
  }

  async #tick(): Promise<void> {
    try {
      const before = this.#seen
      const state = this.#look()
      if (state.mode === 'redis') await this.#perhapsLeave()
      else await this.#whileAway(before, state)
    } catch (error) {
      // Told by health; tried again at the next tick.
      this.#trouble = redisError(error)
    }
  }

  async #perhapsLeave(): Promise<void> {
    const { redis, store, leaveAfterMs } = this.#options
    this.#participation = undefined
    const { outage } = redis
    // Whichever process brought the journal back, what stood in the way is over.
    if (outage === undefined) this.#trouble = undefined
    if (outage === undefined || outage.forMs < leaveAfterMs) return
    await store.leave(outage.reason.message)
    this.#look()
  }

  async #whileAway(before: LocalState, state: LocalState): Promise<void> {
    const { redis, store, onNews, clock } = this.#options
    const { isUp } = redis
    if (this.#participation !== isUp) {
      await store.participate(isUp)
      this.#participation = isUp
    }
    if (before.last !== state.last || before.change !== state.change || before.version !== state.version)
      onNews()
    if (state.mode === 'returning') await store.giveUpReturn()
    const isDue = clock.nowMs() - state.sinceMs >= stayMs && clock.monotonicMs() >= this.#notBeforeMs
    if (!isUp || !isDue || state.mode !== 'fallback' || this.#returning !== undefined) return
    if (!store.isReturnFree || !store.isRedisUpForAll) return
    this.#returning = this.#bringBack().finally(() => {
      this.#returning = undefined
    })
  }

  async #bringBack(): Promise<void> {
    const { redis, store, clock } = this.#options
    try {
      await bringBack(redis, store)
      this.#trouble = undefined
      this.#look()
    } catch (error) {
      this.#trouble = redisError(error)
      this.#notBeforeMs = clock.monotonicMs() + stayMs
    }
  }

  #tracked<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work)
    const done = () => void this.#underWay.delete(work)
    work.then(done, done)
    return work
  }
}
