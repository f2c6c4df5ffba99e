import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createClient } from 'redis'

/** Whether `redis-server` is installed: without it its rows are left out. */
export async function hasRedis(): Promise<boolean> {
  return await promisify(execFile)('redis-server', ['--version']).then(
    () => true,
    () => false,
  )
}

export interface RedisAppenderOptions {
  readonly folder: string
  readonly appendfsync: 'always' | 'everysec'
  /** 1: all writers share one pipelined connection, the kindest arrangement for Redis. */
  readonly connections: number
  readonly make: (number: number) => unknown
}

/** A Redis of its own on a Unix socket. */
async function startRedis(folder: string, appendfsync: RedisAppenderOptions['appendfsync']) {
  const path = join(folder, 'redis.sock')
  const settings = { port: '0', unixsocket: path, dir: folder, appendonly: 'yes', appendfsync, save: '' }
  const server = spawn(
    'redis-server',
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await untilReady(server)
  const stop = async () => {
    server.kill('SIGTERM')
    await once(server, 'exit')
  }
  return { path, stop }
}

/** Appends to one stream through the client that applications use; all writers share it, and it pipelines. */
export async function openRedisClientAppender(
  options: Pick<RedisAppenderOptions, 'folder' | 'appendfsync' | 'make'>,
) {
  const server = await startRedis(options.folder, options.appendfsync)
  const client = createClient({ socket: { path: server.path, tls: false } })
  await client.connect()
  return {
    append: (number: number) => client.xAdd('journal', '*', { t: JSON.stringify(options.make(number)) }),
    close: async () => {
      client.destroy()
      await server.stop()
    },
  }
}

/**
 * Appends to one stream with nothing between Node's sockets and Redis: the most that Redis gives. Each append serialises
 * its transaction, as the journal does; the writers take the connections in turn.
 */
export async function openRedisAppender({ folder, appendfsync, connections, make }: RedisAppenderOptions) {
  const server = await startRedis(folder, appendfsync)
  const sockets = Array.from({ length: connections }, () => createConnection(server.path))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const free = sockets.map((socket) => pipelined(socket))
  return {
    append: async (number: number) => {
      const send = free.pop()!
      // A shared connection is free again at once, a writer's own one when its answer has come.
      if (connections === 1) free.push(send)
      await send(xadd(JSON.stringify(make(number))))
      if (connections !== 1) free.push(send)
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await server.stop()
    },
  }
}

function untilReady(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = ''
    server.stdout!.on('data', (chunk: Buffer) => {
      if (output.length < 65_536) output += String(chunk)
      if (/ready to accept connections/i.test(output)) resolve()
    })
    server.once('exit', () => reject(new Error(`redis-server did not start: ${output}`)))
  })
}

/** Each answer to XADD is a bulk string of two lines; answers come in the order of the commands. */
function pipelined(socket: Socket): (command: string) => Promise<void> {
  const waiting: (() => void)[] = []
  let answered = 0
  let lines = 0
  socket.on('data', (data: Buffer) => {
    if (data[0] === 0x2d) throw new Error(`Redis refused: ${data.toString()}`)
    for (let index = data.indexOf(10); index !== -1; index = data.indexOf(10, index + 1)) {
      lines += 1
      if (lines % 2 !== 0) continue
      waiting[answered]?.()
      answered += 1
    }
    waiting.splice(0, answered)
    answered = 0
  })
  let outgoing = ''
  return (command) =>
    new Promise((resolve) => {
      waiting.push(resolve)
      const isFirst = outgoing === ''
      outgoing += command
      if (!isFirst) return
      setImmediate(() => {
        socket.write(outgoing)
        outgoing = ''
      })
    })
}

function xadd(value: string): string {
  return `*5\r\n$4\r\nXADD\r\n$7\r\njournal\r\n$1\r\n*\r\n$1\r\nt\r\n$${Buffer.byteLength(value)}\r\n${value}\r\n`
}
