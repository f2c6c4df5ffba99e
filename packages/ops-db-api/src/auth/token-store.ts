import { type Clock, systemClock } from 'outpost'
import { ProblemError } from 'outpost/fastify'
import { serviceCodes } from '../service-codes.ts'
import { type KnownToken, knownTokenOf, knownTokensSql } from './known-token.ts'
import { loadTokens, saveTokens } from './token-file.ts'
import { matchesHash, prefixOf } from './token-secret.ts'

export interface TokenStoreOptions {
  /** Runs a SELECT at the site; may fail while every database is away. */
  readonly read: (sql: string) => Promise<readonly Record<string, unknown>[]>
  /** File for the hashes of the known tokens. */
  readonly path: string
  readonly clock?: Clock
  /** How often tokens are read again: a revocation takes effect within this time of reaching the site. Default 5,000. */
  readonly refreshIntervalMs?: number
  /** Told about a refresh that failed. The known tokens stay valid. */
  readonly onRefreshFailed?: (error: unknown) => void
}

/** Shortest time between two look-ups that unknown tokens cause, so that guessing costs the database nothing. */
const unknownTokenRefreshMs = 1_000

/**
 * The API tokens that a site accepts.
 *
 * States: opened → stopped. Invariant: a token that was known once stays known through any outage and restart, until it
 * expires or a database that answers says otherwise; what is kept in memory and on disk are hashes.
 */
export class TokenStore {
  readonly #options: TokenStoreOptions
  readonly #clock: Clock
  readonly #stopped = new AbortController()
  #tokens: ReadonlyMap<string, KnownToken> = new Map()
  #savedText = ''
  #refreshing: Promise<void> | undefined
  #lookingUp: Promise<void> | undefined
  #refreshedAtMs = Number.NEGATIVE_INFINITY
  #loop: Promise<void> = Promise.resolve()

  private constructor(options: TokenStoreOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** Loads what was known, tries one refresh in the background and keeps refreshing until {@link stop}. */
  static async open(options: TokenStoreOptions): Promise<TokenStore> {
    const store = new TokenStore(options)
    store.#take(await loadTokens(options.path))
    store.#loop = store.#keepRefreshing()
    return store
  }

  get size(): number {
    return this.#tokens.size
  }

  /** The token's facts, or a 401 problem: `token_unknown`, `token_expired`. */
  async verify(token: string): Promise<KnownToken> {
    const prefix = prefixOf(token)
    if (prefix === undefined)
      throw new ProblemError(serviceCodes.token_unknown, 'The API token is not well-formed.')
    if (!this.#tokens.has(prefix)) await this.#refreshForUnknown()
    const known = this.#tokens.get(prefix)
    if (known === undefined || !matchesHash(token, known.sha256)) {
      throw new ProblemError(serviceCodes.token_unknown, 'The API token is not known at this site.')
    }
    const now = this.#clock.nowMs()
    if (isPast(known.expiresAtMs, now) || isPast(known.revokedAtMs, now)) {
      throw new ProblemError(serviceCodes.token_expired, `The API token '${known.name}' is no longer valid.`)
    }
    return known
  }

  /** Reads the tokens again; concurrent calls share one read. Fails when no database answers. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refreshOnce().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#loop
    await this.#lookingUp
    await this.#refreshing?.catch(() => undefined)
  }

  async #refreshOnce(): Promise<void> {
    this.#refreshedAtMs = this.#clock.monotonicMs()
    const rows = await this.#options.read(knownTokensSql)
    const tokens = rows.map(knownTokenOf)
    const text = JSON.stringify(tokens)
    this.#take(tokens)
    if (text === this.#savedText) return
    await saveTokens(this.#options.path, tokens)
    this.#savedText = text
  }

  /** A token that was just made is worth a look; guesses share one look a second. */
  #refreshForUnknown(): Promise<void> {
    this.#lookingUp ??= this.#lookUp().finally(() => {
      this.#lookingUp = undefined
    })
    return this.#lookingUp
  }

  async #lookUp(): Promise<void> {
    const sinceMs = this.#clock.monotonicMs() - this.#refreshedAtMs
    if (sinceMs < unknownTokenRefreshMs)
      await this.#clock.sleep(unknownTokenRefreshMs - sinceMs, this.#stopped.signal)
    await this.refresh().catch((error: unknown) => this.#options.onRefreshFailed?.(error))
  }

  async #keepRefreshing(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      await this.refresh().catch((error: unknown) => this.#options.onRefreshFailed?.(error))
      await this.#clock.sleep(this.#options.refreshIntervalMs ?? 5_000, signal)
    }
  }

  #take(tokens: readonly KnownToken[]): void {
    this.#tokens = new Map(tokens.map((token) => [token.prefix, token]))
  }
}

function isPast(timeMs: number | undefined, nowMs: number): boolean {
  return timeMs !== undefined && timeMs <= nowMs
}
