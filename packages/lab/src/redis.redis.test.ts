import { existsSync } from 'node:fs'
import { createClient } from 'redis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isAlive } from './process/process-table.ts'
import { RedisServer } from './redis.ts'
import { describeRedis } from './testing.ts'

describeRedis('RedisServer', () => {
  let server: RedisServer

  beforeAll(async () => {
    server = await RedisServer.start({ config: { maxmemory: '64mb' } })
  })

  afterAll(async () => {
    const { pid, folder } = server
    await server.destroy()
    expect(await isAlive(pid!)).toBe(false)
    expect(existsSync(folder)).toBe(false)
  })

  const ask = async (...args: readonly string[]): Promise<unknown> => {
    const client = createClient({ socket: { host: server.host, port: server.port } })
    client.on('error', () => undefined)
    await client.connect()
    return await client.sendCommand([...args]).finally(() => client.destroy())
  }

  it('syncs every write and takes the settings that it is given', async () => {
    expect(await ask('CONFIG', 'GET', 'appendfsync', 'maxmemory', 'appendonly')).toEqual({
      appendfsync: 'always',
      appendonly: 'yes',
      maxmemory: String(64 * 2 ** 20),
    })
  })

  it('keeps what it has answered over a kill, on the same port', async () => {
    const { port, pid } = server
    await ask('SET', 'kept', 'yes')
    await server.kill()
    expect(await isAlive(pid!)).toBe(false)
    await server.start()
    expect(server.port).toBe(port)
    expect(await ask('GET', 'kept')).toBe('yes')
  })
})
