import { randomUUID } from 'node:crypto'
import type { RedisServer } from '@outpost/lab'
import { createClient } from 'redis'
import { afterEach } from 'vitest'
import type { Journal } from '../journal.ts'
import { openRedisJournal, type RedisJournalOptions } from './open.ts'

/** Processes of one site, as far as their journal goes. */
export interface RedisSite {
  readonly name: string
  open(options?: Partial<RedisJournalOptions>): Promise<Journal>
}

/** Makes sites on a server; what was opened is stopped after each test. */
export function useRedisSites(server: () => RedisServer): () => RedisSite {
  const opened: Journal[] = []
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((journal) => journal.stop()))
  })
  return () => {
    const name = randomUUID()
    return {
      name,
      open: async (options = {}) => {
        const { host, port } = server()
        const journal = await openRedisJournal({ host, port, site: name, ...options })
        opened.push(journal)
        return journal
      },
    }
  }
}

/** One command to a server, over a connection of its own. */
export function ask(server: RedisServer, ...args: readonly string[]): Promise<unknown> {
  return askAs(undefined, server, ...args)
}

/** As {@link ask}, of a server that wants a password. */
export async function askAs(
  password: string | undefined,
  server: RedisServer,
  ...args: readonly string[]
): Promise<unknown> {
  const client = createClient({
    socket: { host: server.host, port: server.port, reconnectStrategy: false },
    ...(password !== undefined && { password }),
  })
  client.on('error', () => undefined)
  await client.connect()
  return await client.sendCommand([...args]).finally(() => client.destroy())
}
