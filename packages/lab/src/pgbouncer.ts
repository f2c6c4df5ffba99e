import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { LabError, LabMissing } from './errors/lab-error.ts'
import { makeLabFolder, processFile } from './postgres/lab-folder.ts'
import { logTail } from './postgres/postmaster.ts'
import { renderConninfo, type Settings } from './postgres/settings.ts'
import type { Endpoint } from './postgres/standby.ts'
import { dyingWithParent } from './process/dying-with-parent.ts'
import { freePort } from './process/free-port.ts'
import { writeOwner } from './process/owner.ts'
import { signal } from './process/process-table.ts'
import { plainEnvironment } from './process/run-command.ts'
import { type ServerUser, serverUser } from './process/server-user.ts'
import { waitFor } from './process/wait-for.ts'

export interface PgbouncerOptions {
  /** The server behind it; every database of it can be reached. */
  readonly target: Endpoint
  readonly listenPort?: number
  /** `transaction` unless told. */
  readonly poolMode?: 'session' | 'transaction' | 'statement'
  /** More lines of the [pgbouncer] section, or other values for the lab's. */
  readonly config?: Settings
}

/** The pgbouncer program; {@link LabMissing} when it is not installed. */
export function findPgbouncer(): string {
  const places = [
    '/usr/sbin/pgbouncer',
    '/usr/bin/pgbouncer',
    '/usr/local/bin/pgbouncer',
    '/opt/homebrew/bin/pgbouncer',
  ]
  const found = places.find((place) => existsSync(place))
  if (found !== undefined) return found
  throw new LabMissing(
    'pgbouncer is not installed.',
    'Install it, for instance with: apt-get install pgbouncer',
  )
}

/**
 * A real pgbouncer in front of one server, trusting every role that the server has. Its defaults are kept where
 * they are strict (it refuses the startup parameters that it does not track), because users meet them too.
 */
export class Pgbouncer {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly logFile: string
  readonly #folder: string
  readonly #options: PgbouncerOptions
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #target: Endpoint

  private constructor(parts: {
    options: PgbouncerOptions
    folder: string
    port: number
    child: ChildProcess
  }) {
    this.#options = parts.options
    this.#target = parts.options.target
    this.#folder = parts.folder
    this.#child = parts.child
    this.port = parts.port
    this.logFile = join(parts.folder, 'pgbouncer.log')
    this.#ended = new Promise((resolve) => {
      parts.child.once('exit', () => resolve())
      parts.child.once('error', () => resolve())
    })
  }

  /** Starts pgbouncer and waits until it answers. */
  static async start(options: PgbouncerOptions): Promise<Pgbouncer> {
    const program = findPgbouncer()
    const user = await serverUser()
    const folder = await makeLabFolder()
    const port = options.listenPort ?? (await freePort())
    await writeFile(join(folder, 'users.txt'), '"postgres" ""\n')
    await writeFile(join(folder, 'pgbouncer.ini'), renderPgbouncer(options, options.target, folder, port))
    const bouncer = new Pgbouncer({ options, folder, port, child: await spawnBouncer(program, folder, user) })
    if (bouncer.pid !== undefined) await writeOwner(join(folder, processFile), bouncer.pid)
    try {
      await waitFor(() => bouncer.pid === undefined || bouncer.#answers(), { what: 'pgbouncer answering' })
      if (bouncer.pid === undefined) throw new LabError('server_start', 'pgbouncer ended while starting.')
    } catch (cause) {
      const tail = await logTail(bouncer.logFile)
      await bouncer.stop()
      throw new LabError('server_start', `pgbouncer did not start.\n${tail}`, { cause })
    }
    return bouncer
  }

  get pid(): number | undefined {
    return this.#child.exitCode === null && this.#child.signalCode === null ? this.#child.pid : undefined
  }

  connectionString(database = 'postgres', user = 'postgres'): string {
    return `postgresql://${encodeURIComponent(user)}@${this.host}:${this.port}/${encodeURIComponent(database)}`
  }

  /** Points it at another server: new transactions go there, and no client notices more than a broken one. */
  async setTarget(target: Endpoint): Promise<void> {
    this.#target = target
    await writeFile(
      join(this.#folder, 'pgbouncer.ini'),
      renderPgbouncer(this.#options, this.#target, this.#folder, this.port),
    )
    await this.reload()
  }

  /** Makes it read its configuration again; returns when it has. */
  async reload(): Promise<void> {
    await this.admin('RELOAD')
  }

  /** Runs a command of its admin console, such as `SHOW POOLS` or `PAUSE`. */
  async admin(command: string): Promise<Record<string, unknown>[]> {
    const client = new Client({
      connectionString: this.connectionString('pgbouncer'),
      connectionTimeoutMillis: 2_000,
    })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(command)).rows
    } finally {
      await client.end()
    }
  }

  /** Ends it at once, with every connection, and removes its files. */
  async stop(): Promise<void> {
    if (this.pid !== undefined) {
      // pgbouncer ends at once on SIGTERM up to 1.22, and SIGQUIT does so in every version.
      signal(this.pid, 'SIGQUIT')
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3_000)
      await this.#ended
      clearTimeout(timer)
    }
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** Whether the pgbouncer on our port is ours, and not one that took the port a moment before. */
  async #answers(): Promise<boolean> {
    const settings = await this.admin('SHOW CONFIG')
    return settings.some(({ value }) => value === join(this.#folder, 'users.txt'))
  }
}

/** The configuration file. */
function renderPgbouncer(options: PgbouncerOptions, target: Endpoint, folder: string, port: number): string {
  const settings: Settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    pool_mode: options.poolMode ?? 'transaction',
    // Roles that are not in the file are looked up on the server, so that each may come as itself.
    auth_type: 'trust',
    auth_file: join(folder, 'users.txt'),
    auth_user: 'postgres',
    admin_users: 'postgres',
    max_client_conn: 500,
    default_pool_size: 20,
    server_login_retry: 1,
    server_connect_timeout: 3,
    ...options.config,
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${String(value)}`)
  const database = renderConninfo({ host: target.host, port: target.port })
  return `[databases]\n* = ${database}\n\n[pgbouncer]\n${lines.join('\n')}\n`
}

async function spawnBouncer(program: string, folder: string, user: ServerUser): Promise<ChildProcess> {
  const log = await open(join(folder, 'pgbouncer.log'), 'a', 0o644)
  try {
    const [command, ...args] = dyingWithParent([program, join(folder, 'pgbouncer.ini')])
    const stdio = ['ignore', log.fd, log.fd] as const
    const child = spawn(command, args, {
      ...user,
      cwd: '/',
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
