import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Client, type QueryResultRow } from 'pg'
import { LabError } from '../errors/lab-error.ts'
import { freePort } from '../process/free-port.ts'
import { killTree, pauseTree, resumeTree } from '../process/kill-tree.ts'
import { descendantsOf, isAlive, signal } from '../process/process-table.ts'
import { runCommand } from '../process/run-command.ts'
import { type ServerUser, serverUser } from '../process/server-user.ts'
import { waitFor } from '../process/wait-for.ts'
import { findPostgres, type PostgresBinaries, prepareBinaries } from './binaries.ts'
import { makeLabFolder } from './lab-folder.ts'
import { exists, openToServerUser } from './open-path.ts'
import { takeOver } from './orphan.ts'
import { logTail, type Postmaster, spawnPostmaster, untilReady } from './postmaster.ts'
import { labSettings, renderSettings, type Settings, type SettingValue } from './settings.ts'

export interface ServerOptions {
  /** Which PostgreSQL; the one that {@link findPostgres} finds first when left out. */
  readonly binaries?: PostgresBinaries
  /** Name in log files and messages, and of the data directory; `main` unless told. */
  readonly name?: string
  /** Folder that holds the data directory and the log; a temporary one, removed by `destroy`, when left out. */
  readonly folder?: string
  /** Port on 127.0.0.1; a free one below 32768, kept over restarts, when left out. */
  readonly port?: number
  /** Settings over {@link labSettings}. */
  readonly config?: Settings
}

export type StopMode = 'smart' | 'fast' | 'immediate'

const stopSignals: Readonly<Record<StopMode, NodeJS.Signals>> = {
  smart: 'SIGTERM',
  fast: 'SIGINT',
  immediate: 'SIGQUIT',
}

const settingsFile = 'outpost-lab.conf'

/**
 * One PostgreSQL server on its own data directory, listening on 127.0.0.1 only and trusting every local user.
 *
 * States: without data → `init()` or a copy → stopped → `start()` → running ⇄ `pause()`/`resume()` → `stop()` or
 * `kill()` → stopped → `destroy()`. Invariant: `pid` is defined exactly while the postmaster that this object
 * started runs; the port stays the same over restarts.
 */
export class PostgresServer {
  readonly name: string
  readonly host = '127.0.0.1'
  readonly binaries: PostgresBinaries
  readonly folder: string
  readonly dataDirectory: string
  readonly logFile: string
  readonly user: ServerUser
  readonly #ownsFolder: boolean
  readonly #wantsPort: number | undefined
  #port: number | undefined
  #settings: Readonly<Record<string, SettingValue>>
  #running: Postmaster | undefined

  private constructor(options: ServerOptions, folder: string, user: ServerUser) {
    this.name = options.name ?? 'main'
    this.binaries = options.binaries ?? findPostgres()
    this.folder = folder
    this.dataDirectory = join(folder, this.name)
    this.logFile = join(folder, `${this.name}.log`)
    this.user = user
    this.#ownsFolder = options.folder === undefined
    this.#wantsPort = options.port
    this.#port = options.port
    this.#settings = { ...labSettings, ...options.config }
  }

  /** Prepares the folder and the user; touches no server and makes no data directory yet. */
  static async create(options: ServerOptions = {}): Promise<PostgresServer> {
    const user = await serverUser()
    const folder = options.folder === undefined ? await makeLabFolder() : resolve(options.folder)
    await mkdir(folder, { recursive: true })
    return new PostgresServer(options, folder, user)
  }

  /** Pid of the running postmaster. */
  get pid(): number | undefined {
    return this.#running?.pid
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** The port; known once the server was started, or when it was given. */
  get port(): number {
    if (this.#port === undefined)
      throw new LabError('server_stopped', `${this.name} has no port before its first start.`)
    return this.#port
  }

  /** URL for clients. */
  connectionString(database = 'postgres', user = 'postgres'): string {
    return `postgresql://${encodeURIComponent(user)}@${this.host}:${this.port}/${encodeURIComponent(database)}`
  }

  /** Makes the data directory with `initdb`: UTF-8, locale C, superuser `postgres`, trust for everybody. */
  async init(): Promise<void> {
    await this.makeDataDirectory()
    const initdb = join(await prepareBinaries(this.binaries), 'initdb')
    const options = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
    await runCommand(initdb, ['-D', this.dataDirectory, ...options], { user: this.user })
    await this.adopt()
  }

  /**
   * Makes the empty data directory, owned by the server's user; for `init` and for a copy. Until `adopt()` a mark
   * beside it says that it is unfinished, so that a run that was killed meanwhile is not taken for data.
   */
  async makeDataDirectory(): Promise<void> {
    if (this.user.uid !== undefined) await openToServerUser(this.folder)
    if (await exists(this.#unfinishedMark)) await this.clearData()
    if (await exists(this.dataDirectory))
      throw new LabError('data_exists', `${this.dataDirectory} is there already.`)
    await writeFile(this.#unfinishedMark, '')
    await mkdir(this.dataDirectory, { mode: 0o700 })
    await this.own(this.dataDirectory)
  }

  /** Whether there is a whole data directory already. */
  async hasData(): Promise<boolean> {
    return (await exists(join(this.dataDirectory, 'PG_VERSION'))) && !(await exists(this.#unfinishedMark))
  }

  /** Takes a data directory that `init` or a copy has filled: includes the lab's settings, and calls it whole. */
  async adopt(): Promise<void> {
    const main = join(this.dataDirectory, 'postgresql.conf')
    const line = `include_if_exists '${settingsFile}'\n`
    const text = await readFile(main, 'utf8')
    if (!text.includes(line)) await writeFile(main, `${text}\n${line}`)
    await this.#writeSettings()
    await rm(this.#unfinishedMark, { force: true })
  }

  /**
   * Starts the server and waits until it takes connections. A taken port is replaced by another, up to five
   * times, unless it was asked for by number.
   */
  async start(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    if (this.#running !== undefined) return
    await takeOver(this.dataDirectory)
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#startOnce(options.deadlineMs ?? 30_000)
      } catch (error) {
        const lostRace = attempt < 5 && this.#wantsPort === undefined && (await this.#portWasTaken())
        if (!lostRace) throw error
        this.#port = undefined
      }
    }
  }

  /**
   * Stops the server and returns when its process is gone; nothing to do when it is not running. A stop that
   * hangs (a fast stop does on a half-open standby) is made harder at each deadline: immediate, then kill -9.
   */
  async stop(mode: StopMode = 'fast', options: { readonly deadlineMs?: number } = {}): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    await resumeTree(running.pid)
    for (const next of mode === 'immediate' ? [mode] : [mode, 'immediate' as const]) {
      signal(running.pid, stopSignals[next])
      if (await this.#endedWithin(running, options.deadlineMs ?? 5_000)) return
    }
    await this.kill()
  }

  /** kill -9 of the postmaster and of every child, as a power cut would: returns when none runs. */
  async kill(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    await killTree(running.pid)
    await running.ended
  }

  /** Stops and starts again on the same port. */
  async restart(mode: StopMode = 'fast'): Promise<void> {
    await this.stop(mode)
    await this.start()
  }

  /** Freezes every process of the server: connections stay open and get no answer. */
  async pause(): Promise<void> {
    await pauseTree(this.#pidOrThrow())
  }

  /** Lets a frozen server go on. */
  async resume(): Promise<void> {
    await resumeTree(this.#pidOrThrow())
  }

  /** All processes of the server that run now: the postmaster first. */
  async processIds(): Promise<number[]> {
    const pid = this.pid
    return pid === undefined || !(await isAlive(pid)) ? [] : [pid, ...(await descendantsOf(pid))]
  }

  /** Stops the server at once and removes its data and log. */
  async destroy(): Promise<void> {
    await this.stop('immediate')
    await rm(this.dataDirectory, { recursive: true, force: true })
    for (const path of [this.logFile, `${this.dataDirectory}.owner`, this.#unfinishedMark])
      await rm(path, { force: true })
    if (this.#ownsFolder) await rm(this.folder, { recursive: true, force: true })
  }

  /** Removes the data directory of a stopped server, so that another copy can take its place. */
  async clearData(): Promise<void> {
    if (this.#running !== undefined)
      throw new LabError('server_running', `${this.name} still runs on its data.`)
    await rm(this.dataDirectory, { recursive: true, force: true })
  }

  /** Ends recovery and returns when the server takes writes. */
  async promote(): Promise<void> {
    await this.query('SELECT pg_promote(true, 30)')
    await waitFor(async () => !(await this.isInRecovery()), { what: `the promotion of ${this.name}` })
  }

  async isInRecovery(): Promise<boolean> {
    const [row] = await this.query<{ recovering: boolean }>('SELECT pg_is_in_recovery() AS recovering')
    return row?.recovering === true
  }

  /**
   * Changes settings (a null takes one back to its default), and reloads a running server. What PostgreSQL reads
   * only at start waits for `restart()`.
   */
  async setConfig(changes: Readonly<Record<string, SettingValue | null>>): Promise<void> {
    const merged: Record<string, SettingValue | null> = { ...this.#settings, ...changes }
    const kept = Object.entries(merged).filter((entry): entry is [string, SettingValue] => entry[1] !== null)
    this.#settings = Object.fromEntries(kept)
    await this.#writeSettings()
    if (this.#running !== undefined) await this.reload()
  }

  /** Makes the server read its configuration again, and returns when new sessions see it. */
  async reload(): Promise<void> {
    const loadedAt = async () => {
      const [row] = await this.query<{ at: string }>('SELECT pg_conf_load_time()::text AS at')
      return row?.at
    }
    const before = await loadedAt()
    signal(this.#pidOrThrow(), 'SIGHUP')
    await waitFor(async () => (await loadedAt()) !== before, {
      what: `${this.name} reading its configuration`,
    })
  }

  /** Opens a client connection, which the caller ends. Its errors are the caller's too, but never crash the process. */
  async connect(database = 'postgres', user = 'postgres', deadlineMs = 5_000): Promise<Client> {
    const client = new Client({
      connectionString: this.connectionString(database, user),
      connectionTimeoutMillis: deadlineMs,
    })
    // An idle client reports a killed server as an event; without a listener that would end the process.
    client.on('error', () => undefined)
    await client.connect()
    return client
  }

  /** Runs one statement on a connection of its own and returns its rows. */
  async query<R extends QueryResultRow = QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    database = 'postgres',
  ): Promise<R[]> {
    const client = await this.connect(database)
    try {
      return (await client.query<R>(text, [...values])).rows
    } finally {
      await client.end()
    }
  }

  /** Gives a path to the server's user. */
  async own(path: string): Promise<void> {
    if (this.user.uid !== undefined && this.user.gid !== undefined)
      await chown(path, this.user.uid, this.user.gid)
  }

  async #startOnce(deadlineMs: number): Promise<void> {
    this.#port ??= await freePort()
    if (this.user.uid !== undefined) await openToServerUser(this.folder)
    const folder = await prepareBinaries(this.binaries)
    const { dataDirectory, logFile, user } = this
    const options = { folder, dataDirectory, logFile, user, port: this.#port }
    const postmaster = await spawnPostmaster(options)
    this.#running = postmaster
    void postmaster.ended.then(() => {
      if (this.#running === postmaster) this.#running = undefined
    })
    try {
      await untilReady(postmaster, options, deadlineMs)
    } catch (error) {
      await this.stop('immediate')
      throw error
    }
  }

  async #portWasTaken(): Promise<boolean> {
    return (await logTail(this.logFile)).includes('could not create any TCP/IP sockets')
  }

  async #endedWithin(running: Postmaster, deadlineMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), deadlineMs)
    })
    const ended = await Promise.race([running.ended.then(() => true), late])
    clearTimeout(timer)
    return ended
  }

  async #writeSettings(): Promise<void> {
    const path = join(this.dataDirectory, settingsFile)
    await writeFile(path, renderSettings(this.#settings))
    await this.own(path)
  }

  get #unfinishedMark(): string {
    return `${this.dataDirectory}.unfinished`
  }

  #pidOrThrow(): number {
    if (this.pid === undefined) throw new LabError('server_stopped', `${this.name} is not running.`)
    return this.pid
  }
}
