import { setMaxListeners } from 'node:events'
import pg from 'pg'
import type { Clock } from '../clock/clock.ts'
import { isOutpostError, OutpostError } from '../errors/outpost-error.ts'
import { BoundedClient } from '../postgres/bounded-client.ts'
import { failureWords } from '../postgres/failure-words.ts'
import { classify, sqlstateOf } from '../postgres/sqlstate.ts'
import { tlsAdvice } from '../postgres/tls-advice.ts'
import { Breaker } from './breaker.ts'

export type NodeName = 'replica' | 'main'

/** What a node says instead of answering, and what to do about it. */
export interface NodeRefusal {
  readonly reason: string
  readonly hint: string
}

export interface NodePoolOptions {
  readonly name: NodeName
  readonly config: pg.PoolConfig
  readonly clock: Clock
  /** Connections at most. Default 10. */
  readonly maxConnections?: number
}

/**
 * Connections to one node, each use bounded by a deadline.
 *
 * A node that is away or slow is left alone for a moment (see {@link Breaker}), so that no request waits for what
 * the last one already found out. A connection whose deadline passed is destroyed: behind a half-open link it
 * would never answer.
 */
export class NodePool {
  readonly name: NodeName
  readonly #pool: pg.Pool
  readonly #clock: Clock
  /** The end of each connection that is open. */
  readonly #ends = new Set<Promise<void>>()
  readonly #breaker = new Breaker({ firstPauseMs: 100, maxPauseMs: 2_000 })
  #lastError: string | undefined
  #refusal: NodeRefusal | undefined
  /** Somebody watches the node and found it away: left alone until told otherwise. */
  #isAway = false
  #uses = usesSignal()

  constructor(options: NodePoolOptions) {
    this.name = options.name
    this.#clock = options.clock
    this.#pool = new pg.Pool({
      ...options.config,
      Client: BoundedClient,
      max: options.maxConnections ?? 10,
      idleTimeoutMillis: 30_000,
    })
    this.#pool.on('connect', (client) => this.#noteOpen(client))
    // An idle connection that breaks is only news: the next use opens another one.
    this.#pool.on('error', (error) => {
      this.#lastError = failureWords(error)
    })
  }

  get isUsable(): boolean {
    return !this.#isAway && this.#breaker.isUsable(this.#clock.monotonicMs())
  }

  get lastError(): string | undefined {
    return this.#lastError
  }

  /** Why it does not answer, where waiting will not cure that: the certificate, the password, too many connections. */
  get refusal(): NodeRefusal | undefined {
    return this.#refusal
  }

  /** Somebody has just reached the node: it is used again at once. */
  noteReachable(): void {
    this.#isAway = false
    this.#breaker.succeeded()
  }

  /** Whoever watches the node found it away: what waits for it now gives up and goes elsewhere. */
  noteUnreachable(): void {
    this.#isAway = true
    this.#uses.abort()
    this.#uses = usesSignal()
  }

  /**
   * Runs `work` on one connection. With `insists` the node is tried although it failed a moment ago: for work that
   * has nowhere else to go, or paces itself. Errors: `main_unreachable` or `replica_unreachable` when the node is away, too
   * slow or being left alone; what PostgreSQL says about the statement otherwise.
   */
  async run<Result>(
    timeoutMs: number,
    work: (client: pg.PoolClient) => Promise<Result>,
    options: { readonly insists?: boolean } = {},
  ): Promise<Result> {
    if (!options.insists && !this.isUsable) {
      throw this.#unreachable(`is left alone after a failure: ${this.#lastError ?? 'no answer'}`)
    }
    const deadline = new Deadline(timeoutMs, this.#uses.signal)
    try {
      const client = await this.#connect(deadline)
      return await this.#use(client, deadline, work)
    } finally {
      deadline.clear()
    }
  }

  async #connect(deadline: Deadline): Promise<pg.PoolClient> {
    const connecting = this.#pool.connect()
    try {
      return await deadline.race(connecting)
    } catch (error) {
      // A connection that arrives after the deadline goes back to the pool unused.
      connecting.then(
        (client) => client.release(),
        () => undefined,
      )
      throw this.#failed(error)
    }
  }

  async #use<Result>(
    client: pg.PoolClient,
    deadline: Deadline,
    work: (client: pg.PoolClient) => Promise<Result>,
  ): Promise<Result> {
    let connectionError: Error | undefined
    const onError = (error: Error) => {
      connectionError = error
    }
    client.on('error', onError)
    const running = work(client)
    try {
      const result = await deadline.race(running)
      client.off('error', onError)
      client.release()
      this.#breaker.succeeded()
      this.#refusal = undefined
      return result
    } catch (error) {
      running.catch(() => undefined)
      client.off('error', onError)
      if (connectionError === undefined && !isNodeFailure(error)) {
        client.release()
        throw error
      }
      client.on('error', () => undefined)
      client.release(true)
      throw this.#failed(connectionError ?? error)
    }
  }

  /** Waits for what runs on a connection, each within its own deadline, and returns when no socket is left. */
  async stop(): Promise<void> {
    await this.#pool.end()
    await Promise.all(this.#ends)
  }

  #noteOpen(client: pg.PoolClient): void {
    const end: Promise<void> = new Promise<void>((resolve) => client.once('end', resolve)).finally(() =>
      this.#ends.delete(end),
    )
    this.#ends.add(end)
  }

  #failed(error: unknown): OutpostError {
    this.#lastError = failureWords(error)
    // That it was given up says nothing new of it.
    if (!(error instanceof DeadlineError)) this.#refusal = refusalOf(error)
    this.#breaker.failed(this.#clock.monotonicMs())
    return this.#unreachable(`did not answer: ${this.#lastError}`, error)
  }

  #unreachable(what: string, cause?: unknown): OutpostError {
    const code = this.name === 'main' ? 'main_unreachable' : 'replica_unreachable'
    const subject = this.name === 'main' ? 'Main' : 'The replica'
    return new OutpostError(code, `${subject} ${what}`, cause === undefined ? {} : { cause })
  }
}

function refusalOf(error: unknown): NodeRefusal | undefined {
  const isFull = sqlstateOf(error) === '53300'
  const advice = tlsAdvice(error)
  if (!isFull && advice === undefined && classify(error) !== 'configuration') return undefined
  const own = isOutpostError(error) ? error.hint : undefined
  const hint = isFull
    ? 'Raise max_connections there, or end connections that nobody needs.'
    : (advice ?? own ?? 'Look at user, password and database of the site, and at pg_hba.conf there.')
  return { reason: failureWords(error), hint }
}

/** Aborted when the node is found away; every use under way listens, and they may be many. */
function usesSignal(): AbortController {
  const uses = new AbortController()
  setMaxListeners(0, uses.signal)
  return uses
}

/** True for what says something about the node; what PostgreSQL or the work itself refused says nothing. */
function isNodeFailure(error: unknown): boolean {
  if (error instanceof DeadlineError) return true
  if (error instanceof OutpostError) return false
  return error instanceof pg.DatabaseError ? isNodeGone(error) : classify(error) === 'connectivity'
}

/**
 * The server itself is going away or starting (57P0x), or the connection broke (08). A hot standby refuses everything
 * (0A000) in a session whose default is SERIALIZABLE (E7): such a session would fail for ever, and a new one may not.
 */
function isNodeGone(error: pg.DatabaseError): boolean {
  const code = error.code ?? ''
  const isSerializable = code === '0A000' && /serializable/i.test(error.message)
  return code.startsWith('57P') || code.startsWith('08') || isSerializable
}

class DeadlineError extends OutpostError {
  constructor(what: string) {
    super('wait_timeout', what)
  }
}

/** One deadline shared by the steps of one use. */
class Deadline {
  readonly #timer: NodeJS.Timeout
  readonly #passed: Promise<never>
  readonly #givenUp: AbortSignal
  readonly #onGivenUp: () => void

  constructor(timeoutMs: number, givenUp: AbortSignal) {
    let reject: (error: Error) => void = () => undefined
    this.#passed = new Promise<never>((_, rejectPassed) => {
      reject = rejectPassed
    })
    this.#passed.catch(() => undefined)
    this.#timer = setTimeout(() => reject(new DeadlineError(`no answer within ${timeoutMs} ms`)), timeoutMs)
    this.#givenUp = givenUp
    this.#onGivenUp = () => reject(new DeadlineError('found to be away'))
    givenUp.addEventListener('abort', this.#onGivenUp, { once: true })
  }

  race<Value>(value: Promise<Value>): Promise<Value> {
    return Promise.race([value, this.#passed])
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#givenUp.removeEventListener('abort', this.#onGivenUp)
  }
}
