import type { Clock } from '../../clock/clock.ts'
import type { OutpostError } from '../../errors/outpost-error.ts'
import { keysOf } from './keys.ts'
import type { Script } from './lua.ts'
import { redisError, unavailable } from './redis-error.ts'
import { listOf, type Reply } from './replies.ts'
import { RedisSession, type SessionOptions } from './session.ts'
import type { Outage, StoreLink } from './store-link.ts'

export interface RedisLinkOptions
  extends Pick<SessionOptions, 'place' | 'site' | 'connectTimeoutMs' | 'commandTimeoutMs' | 'onNews'> {
  readonly clock: Clock
  /** Looks at the server of a new connection before anybody else uses it; what it throws ends the connection. */
  readonly greet: (session: RedisSession) => Promise<void>
  /** A connection that was greeted is there, again. */
  readonly onUp: () => void
}

const retry = { firstMs: 50, capMs: 1_000 }

/**
 * The connection to Redis, made again whenever it is lost. States: made → `start()` → up ⇄ down → `stop()` → stopped.
 * Invariant: nothing but the greeting uses a connection that was not greeted.
 */
export class RedisLink implements StoreLink {
  readonly #options: RedisLinkOptions
  readonly #stopping = new AbortController()
  #session: RedisSession | undefined
  #down: { readonly reason: OutpostError; readonly sinceMs: number } | undefined
  #connecting: Promise<void> | undefined
  #waiting: (() => void)[] = []

  constructor(options: RedisLinkOptions) {
    this.#options = options
  }

  /** The first connection. Errors: those of the greeting; `journal_unavailable`, `config_invalid`. */
  async start(): Promise<void> {
    try {
      await this.#connect()
    } catch (error) {
      throw redisError(error)
    }
  }

  /** As {@link start}, of a server that may be away: it is tried again and again. */
  startLater(reason: unknown): void {
    this.#lost(reason instanceof Error ? reason : new Error(String(reason)))
  }

  get isUp(): boolean {
    return this.#session !== undefined
  }

  get isServerUp(): boolean {
    return this.isUp
  }

  /** Why there is no connection, and for how long; undefined while there is one. */
  get outage(): Outage | undefined {
    const down = this.#down
    return down && { reason: down.reason, forMs: this.#options.clock.monotonicMs() - down.sinceMs }
  }

  /** Errors: `journal_unavailable`; as Redis says it when it refuses. */
  async run(script: Script, args: readonly string[]): Promise<readonly Reply[]> {
    return await this.#need().run(script, args)
  }

  async command(args: readonly string[]): Promise<Reply> {
    return await this.#need().command(args)
  }

  async entries(from: number, to: number): Promise<readonly Reply[]> {
    return listOf(await this.command(['XRANGE', keysOf(this.#options.site).records, `${from}-0`, `${to}-0`]))
  }

  /** Resolves when there is a connection, at once when there is one, and when the link is stopped. */
  whenUp(): Promise<void> {
    if (this.#session !== undefined || this.#stopping.signal.aborted) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** As {@link whenUp}; false when there is none in time. */
  async isUpWithin(ms: number): Promise<boolean> {
    if (this.#session !== undefined) return true
    const waiting = new AbortController()
    await Promise.race([this.whenUp(), this.#options.clock.sleep(ms, waiting.signal)])
    waiting.abort()
    return this.#session !== undefined
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#session?.end(new Error('the journal is closed'))
    this.#wakeAll()
    await this.#connecting
  }

  #need(): RedisSession {
    if (this.#session === undefined) throw this.#down?.reason ?? unavailable('the journal is closed')
    return this.#session
  }

  async #connect(): Promise<void> {
    let session: RedisSession | undefined
    session = await RedisSession.open({
      ...this.#options,
      onEnd: (reason) => {
        if (this.#session === session && session !== undefined) this.#lost(reason)
      },
    })
    try {
      await this.#options.greet(session)
      if (session.isEnded) throw unavailable('the connection has ended at once')
    } catch (error) {
      session.end(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
    this.#session = session
    this.#down = undefined
    this.#wakeAll()
    this.#options.onUp()
  }

  #lost(reason: Error): void {
    this.#session = undefined
    this.#down = { reason: unavailable(reason.message, reason), sinceMs: this.#options.clock.monotonicMs() }
    if (this.#stopping.signal.aborted) return
    this.#connecting = this.#reconnect()
  }

  async #reconnect(): Promise<void> {
    const { clock } = this.#options
    let pauseMs = retry.firstMs
    while (!this.#stopping.signal.aborted && this.#session === undefined) {
      try {
        await this.#connect()
      } catch (error) {
        const sinceMs = this.#down?.sinceMs ?? clock.monotonicMs()
        this.#down = { reason: stillDown(error), sinceMs }
        await clock.sleep(pauseMs, this.#stopping.signal)
        pauseMs = Math.min(pauseMs * 2, retry.capMs)
      }
    }
    if (this.#stopping.signal.aborted) this.#session?.end(new Error('the journal is closed'))
  }

  #wakeAll(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

/** What was refused when it connected again is no reason to end: somebody may put Redis right while the site runs. */
function stillDown(error: unknown): OutpostError {
  const known = redisError(error)
  return known.code === 'journal_unavailable' ? known : unavailable(`${known.message} ${known.hint}`, known)
}
