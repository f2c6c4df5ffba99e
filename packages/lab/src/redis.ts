import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open, rm, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { LabError, LabMissing } from './errors/lab-error.ts'
import { makeLabFolder, processFile } from './postgres/lab-folder.ts'
import { logTail } from './postgres/postmaster.ts'
import type { Settings } from './postgres/settings.ts'
import { dyingWithParent } from './process/dying-with-parent.ts'
import { freePort } from './process/free-port.ts'
import { writeOwner } from './process/owner.ts'
import { signal } from './process/process-table.ts'
import { plainEnvironment } from './process/run-command.ts'
import { waitFor } from './process/wait-for.ts'

export interface RedisOptions {
  readonly listenPort?: number
  /** More lines of redis.conf, or other values for the lab's; `appendfsync` is `always` unless told. */
  readonly config?: Settings
}

/** The redis-server program; {@link LabMissing} when it is not installed. */
export function findRedis(): string {
  const places = ['/usr/bin/redis-server', '/usr/local/bin/redis-server', '/opt/homebrew/bin/redis-server']
  const found = places.find((place) => existsSync(place))
  if (found !== undefined) return found
  throw new LabMissing(
    'redis-server is not installed.',
    'Install it, for instance with: apt-get install redis-server',
  )
}

/** Asked over a bare socket, because the lab needs no client for it. */
const pingTimeoutMs = 1_000

/**
 * A real redis-server with a port and a folder of its own, durable as a journal needs it: append-only, synced before
 * each answer. States: running ⇄ killed or stopped, until `destroy()` removes its files.
 */
export class RedisServer {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly folder: string
  #config: Settings
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()

  private constructor(parts: { folder: string; port: number; config: Settings }) {
    this.folder = parts.folder
    this.port = parts.port
    this.#config = parts.config
  }

  /** Starts a server in a new folder and waits until it answers. */
  static async start(options: RedisOptions = {}): Promise<RedisServer> {
    findRedis()
    const port = options.listenPort ?? (await freePort())
    const server = new RedisServer({ folder: await makeLabFolder(), port, config: options.config ?? {} })
    await server.start().catch(async (error: unknown) => {
      await server.destroy()
      throw error
    })
    return server
  }

  get pid(): number | undefined {
    const child = this.#child
    return child !== undefined && child.exitCode === null && child.signalCode === null ? child.pid : undefined
  }

  get logFile(): string {
    return join(this.folder, 'redis.log')
  }

  /** Starts it again on the same files, with other lines of redis.conf when they are given; waits until it answers. */
  async start(config?: Settings): Promise<void> {
    if (this.pid !== undefined) return
    if (config !== undefined) this.#config = config
    await writeFile(join(this.folder, 'redis.conf'), renderRedis(this.#config, this.folder, this.port))
    const child = await spawnRedis(findRedis(), this.folder, this.logFile)
    this.#child = child
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => resolve())
      child.once('error', () => resolve())
    })
    if (child.pid !== undefined) await writeOwner(join(this.folder, processFile), child.pid)
    try {
      await waitFor(() => this.pid === undefined || this.#answers(), { what: 'redis-server answering' })
      if (this.pid === undefined) throw new LabError('server_start', 'redis-server ended while starting.')
    } catch (cause) {
      const tail = await logTail(this.logFile)
      throw new LabError('server_start', `redis-server did not start.\n${tail}`, { cause })
    }
  }

  /** kill -9: what it had not synced may be lost. Returns when it is gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#ended
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    if (this.pid === undefined) return
    // One that is paused would never see it.
    signal(this.pid, 'SIGCONT')
    signal(this.pid, 'SIGTERM')
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), 5_000)
    await this.#ended
    clearTimeout(timer)
  }

  /** Stops its process as it stands: connections stay open and nothing answers. */
  pause(): void {
    if (this.pid !== undefined) signal(this.pid, 'SIGSTOP')
  }

  resume(): void {
    if (this.pid !== undefined) signal(this.pid, 'SIGCONT')
  }

  /** Ends it and removes its files. */
  async destroy(): Promise<void> {
    await this.stop()
    await rm(this.folder, { recursive: true, force: true })
  }

  /** Whether the server on our port is ours: a file of its own folder must be what it names. */
  async #answers(): Promise<boolean> {
    const answer = await ask(this.port, '*3\r\n$4\r\nINFO\r\n$6\r\nserver\r\n$11\r\npersistence\r\n')
    // One that asks for a password answers, too; one that still reads its file does not count.
    if (answer.startsWith('-')) return answer.startsWith('-NOAUTH')
    return answer.includes(join(this.folder, 'redis.conf')) && answer.includes('loading:0')
  }
}

/** redis.conf: everything that a journal needs, over it what the caller wants. */
function renderRedis(config: Settings, folder: string, port: number): string {
  const settings: Settings = {
    bind: '127.0.0.1',
    port,
    dir: folder,
    daemonize: 'no',
    save: '""',
    appendonly: 'yes',
    appendfsync: 'always',
    'no-appendfsync-on-rewrite': 'no',
    'maxmemory-policy': 'noeviction',
    ...config,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${String(value)}\n`)
    .join('')
}

async function spawnRedis(program: string, folder: string, logFile: string): Promise<ChildProcess> {
  const log = await open(logFile, 'a', 0o644)
  try {
    const [command, ...args] = dyingWithParent([program, join(folder, 'redis.conf')])
    const stdio = ['ignore', log.fd, log.fd] as const
    const child = spawn(command, args, {
      cwd: folder,
      env: plainEnvironment,
      detached: true,
      stdio: [...stdio],
    })
    child.unref()
    return child
  } finally {
    await log.close()
  }
}

/** The first piece of the answer; empty when there is none in time. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port })
    let answer = ''
    const end = () => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(pingTimeoutMs, end)
    socket.on('error', end)
    socket.on('close', end)
    socket.on('connect', () => socket.write(command))
    socket.on('data', (chunk: Buffer) => {
      answer += String(chunk)
      if (answer.startsWith('-') || /loading:\d/.test(answer)) end()
    })
  })
}
