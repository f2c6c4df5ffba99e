import type { RedisClientType } from 'redis'
import { OutpostError } from '../../errors/outpost-error.ts'
import { keysOf } from './keys.ts'
import { type Script, scripts } from './lua.ts'
import { unavailable } from './redis-error.ts'
import type { Reply } from './replies.ts'

/** Where Redis is. */
export interface RedisPlace {
  readonly host: string
  readonly port: number
  /** Number of the database. Default 0. */
  readonly database?: number
  readonly user?: string
  readonly password?: string
}

export interface SessionOptions {
  readonly place: RedisPlace
  readonly site: string
  readonly connectTimeoutMs: number
  /** A command without an answer for so long ends the connection. */
  readonly commandTimeoutMs: number
  /** Somebody has changed the journal. */
  readonly onNews: () => void
  /** Once, when the connection has ended for whatever reason. */
  readonly onEnd: (reason: Error) => void
}

/**
 * One connection. Invariant: commands are sent and answered in the order of the calls, and none after the end. It never
 * connects again by itself: what a new connection meets must be looked at first.
 */
export class RedisSession {
  readonly #client: RedisClientType
  readonly #options: SessionOptions
  readonly #keys: readonly string[]
  #end: Error | undefined

  private constructor(client: RedisClientType, options: SessionOptions) {
    this.#client = client
    this.#options = options
    this.#keys = keysOf(options.site).all
  }

  /** Errors: `config_invalid` without the package redis, else what the client says. */
  static async open(options: SessionOptions): Promise<RedisSession> {
    const { createClient } = await loadRedis()
    const { place, connectTimeoutMs, onNews } = options
    const client = createClient({
      socket: {
        host: place.host,
        port: place.port,
        connectTimeout: connectTimeoutMs,
        reconnectStrategy: false,
      },
      database: place.database ?? 0,
      ...(place.user !== undefined && { username: place.user }),
      ...(place.password !== undefined && { password: place.password }),
      disableOfflineQueue: true,
    }) as unknown as RedisClientType
    const session = new RedisSession(client, options)
    client.on('error', (error: Error) => session.end(error))
    client.on('end', () => session.end(new Error('the connection was closed')))
    const deadline = setTimeout(() => session.end(new Error('no answer')), connectTimeoutMs)
    try {
      await client.connect()
      for (const { text } of scripts) await session.command(['SCRIPT', 'LOAD', text])
      await client.subscribe(keysOf(options.site).news, () => onNews())
      if (session.#ended !== undefined) throw session.#ended
      return session
    } catch (error) {
      session.end(error instanceof Error ? error : new Error(String(error)))
      throw session.#ended ?? error
    } finally {
      clearTimeout(deadline)
    }
  }

  get isEnded(): boolean {
    return this.#end !== undefined
  }

  /** Why it has ended; asked anew after each wait. */
  get #ended(): Error | undefined {
    return this.#end
  }

  async run(script: Script, args: readonly string[]): Promise<readonly Reply[]> {
    const rest = [String(this.#keys.length), ...this.#keys, ...args]
    try {
      return (await this.command(['EVALSHA', script.sha1, ...rest])) as readonly Reply[]
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return (await this.command(['EVAL', script.text, ...rest])) as readonly Reply[]
    }
  }

  async command(args: readonly string[]): Promise<Reply> {
    const before = this.#ended
    if (before !== undefined) throw unavailable(before.message, before)
    const { commandTimeoutMs } = this.#options
    let timer = setTimeout(() => {
      // Where this process itself stood still, the answer may have come already and only wait to be read.
      timer = setTimeout(() => this.end(new Error(`no answer for ${commandTimeoutMs} ms`)), graceMs)
    }, commandTimeoutMs)
    try {
      return (await this.#client.sendCommand([...args])) as Reply
    } catch (error) {
      // Whoever waits when the connection ends hears why it ended.
      const end = this.#ended
      throw end === undefined ? error : unavailable(end.message, end)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends the connection; commands under way fail, and may have been carried out. Idempotent. */
  end(reason: Error): void {
    if (this.#end !== undefined) return
    this.#end = reason
    if (this.#client.isOpen) this.#client.destroy()
    this.#options.onEnd(reason)
  }
}

const graceMs = 250

async function loadRedis(): Promise<typeof import('redis')> {
  try {
    return await import('redis')
  } catch (cause) {
    throw new OutpostError('config_invalid', 'The journal needs the package redis, which is not installed', {
      hint: 'Run `npm install redis`.',
      cause,
    })
  }
}
