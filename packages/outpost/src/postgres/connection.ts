import type pg from 'pg'
import { OutpostError } from '../errors/outpost-error.ts'
import { DatabaseClient, type DatabaseClientConfig } from './database-client.ts'

export interface StatementOptions {
  /** How long the answer may take, milliseconds. The connection is destroyed when it passes. */
  readonly timeoutMs: number
  /** Gives up early; the connection is destroyed as at the deadline. */
  readonly signal?: AbortSignal
}

/**
 * One connection on which every wait ends.
 *
 * States: open → (broken | closed). Behind a half-open link neither the answer nor an error ever comes, so a statement
 * whose deadline passes destroys the socket: the outcome is then unknown, as after a lost connection, and the
 * connection is never used again. Invariant: no call waits longer than its `timeoutMs`.
 */
export class Connection {
  readonly #client: pg.Client
  #broken: Error | undefined
  #isClosed = false

  private constructor(client: pg.Client) {
    this.#client = client
    // Without a listener, a connection that breaks while idle would end the process.
    client.on('error', (error) => {
      this.#broken ??= error
    })
    client.on('end', () => {
      this.#broken ??= new Error('Connection terminated unexpectedly')
    })
  }

  /**
   * Connects and logs in within `config.connectionTimeoutMillis`, 5 s unless set. Rejects with the socket's, the
   * server's or the driver's error (see `classify`).
   */
  static async open(config: DatabaseClientConfig, signal?: AbortSignal): Promise<Connection> {
    const timeoutMs = config.connectionTimeoutMillis ?? 5_000
    // The driver's own limit comes a little later: it only catches what the deadline here could not destroy.
    const client = new DatabaseClient({ ...config, connectionTimeoutMillis: timeoutMs + 1_000 })
    const connection = new Connection(client)
    try {
      await connection.#within(client.connect(), 'The connection was not ready', {
        timeoutMs,
        ...(signal && { signal }),
      })
      return connection
    } catch (error) {
      client.connection.stream.destroy()
      throw error
    }
  }

  /** The driver's client, for what this class does not wrap: notices and the introspection. */
  get client(): pg.Client {
    return this.#client
  }

  /** False once it broke, was destroyed or closed: open another one. */
  get isUsable(): boolean {
    return this.#broken === undefined && !this.#isClosed
  }

  /** Runs one statement. Errors: `wait_timeout`, and what the server or the socket says. */
  query<Row extends pg.QueryResultRow>(
    statement: string | pg.QueryConfig,
    options: StatementOptions,
  ): Promise<pg.QueryResult<Row>> {
    return this.run((client) => client.query<Row>(statement), options)
  }

  /** Runs several steps under one deadline. */
  async run<Result>(
    work: (client: pg.Client) => Promise<Result>,
    options: StatementOptions,
  ): Promise<Result> {
    if (this.#broken !== undefined) throw this.#broken
    return this.#within(work(this.#client), 'The statement was not answered', options)
  }

  /** Says goodbye and waits for the socket's end, at most `timeoutMs`. Idempotent; never rejects. */
  async close(timeoutMs = 1_000): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const ended = this.#client.end()
    await this.#within(ended, 'The connection did not end', { timeoutMs }).catch(() => undefined)
  }

  /** Cuts the socket at once: statements under way reject, the server finds out by itself. */
  destroy(reason: Error): void {
    this.#broken ??= reason
    this.#client.connection.stream.destroy()
  }

  async #within<Result>(work: Promise<Result>, what: string, options: StatementOptions): Promise<Result> {
    const { timeoutMs, signal } = options
    let giveUp: (reason: Error) => void = () => undefined
    const givenUp = new Promise<never>((_, reject) => {
      giveUp = (reason) => {
        this.destroy(reason)
        reject(reason)
      }
    })
    const onAbort = () => giveUp(abortError(what, signal))
    const timer = setTimeout(() => giveUp(deadlineError(what, timeoutMs)), timeoutMs)
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted) onAbort()
    try {
      return await Promise.race([givenUp, work])
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      // What is left of it rejects when the socket is gone: the caller has been told already.
      work.catch(() => undefined)
    }
  }
}

function deadlineError(what: string, timeoutMs: number): OutpostError {
  return new OutpostError('wait_timeout', `${what} within ${timeoutMs} ms, so the connection was given up.`, {
    hint: 'Its outcome is unknown: ask the ledger before sending it again.',
  })
}

function abortError(what: string, signal: AbortSignal | undefined): OutpostError {
  return new OutpostError('wait_timeout', `${what} before it was given up.`, { cause: signal?.reason })
}
