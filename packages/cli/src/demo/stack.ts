import {
  type Cluster,
  findPostgres,
  isFree,
  type Link,
  type PostgresBinaries,
  startCluster,
  startLink,
  startLinkControl,
} from '@outpost/lab'
import { SupervisedProcess } from '../supervise/supervised-process.ts'
import { Cleanup } from './cleanup.ts'
import { type DemoFolder, takeFolder } from './folder.ts'
import { assertSameVersion } from './kept-data.ts'
import { notePid } from './leftover-site.ts'
import { choosePorts, type DemoPorts } from './ports.ts'
import { createDatabase, prepareMain } from './prepare-main.ts'
import type { ReadyDemo } from './ready-line.ts'
import { siteProcess } from './site-process.ts'
import { untilServing } from './until-serving.ts'

export interface StackOptions {
  readonly dir: string | undefined
  readonly basePort: number | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts a start under way; what was started is stopped again. */
  readonly signal: AbortSignal
  /** Told what is being done, in words. */
  readonly onProgress: (text: string) => void
}

export type SiteName = 'main' | 'observatory'

export interface RunningStack {
  readonly demo: ReadyDemo
  readonly link: Link
  readonly folder: string
  /** True when the data of an earlier run was found. */
  readonly isKept: boolean
  /** For instance `PostgreSQL 18 (embedded)`. */
  readonly server: string
  /** Stops everything in reverse order and leaves no process; removes a temporary folder. Idempotent. */
  stop(): Promise<void>
}

/** The main database of the demo; PostgreSQL's own superuser, because the demo trusts whoever is on this machine. */
export const demoDatabase = { user: 'postgres', database: 'ops_db' } as const

/** Keeps the WAL that a cut-off replica needs, up to this much, so that a long cut cannot fill the disk. */
const slotLimit = '4GB'

/**
 * Starts both servers, the link between them and both sites, and returns when a client can use all of it. Whatever
 * fails, nothing of it stays.
 */
export async function startStack(options: StackOptions): Promise<RunningStack> {
  const cleanup = new Cleanup()
  try {
    return await startAll(options, cleanup)
  } catch (error) {
    await cleanup.run()
    throw error
  }
}

async function startAll(options: StackOptions, cleanup: Cleanup): Promise<RunningStack> {
  const { signal, onProgress } = options
  const binaries = findPostgres()
  const folder = await takeFolder(options.dir, ['main', 'observatory'])
  cleanup.add(() => folder.release())
  await assertSameVersion(folder, binaries.major)
  const ports = await choosePorts(options.basePort, isFree)

  onProgress(`starting ${describeServer(binaries)}: main and its replica`)
  const link = await startLink({
    forwards: {
      postgres: { target: { host: '127.0.0.1', port: ports.mainDatabase }, listenPort: ports.link },
    },
  })
  cleanup.add(() => link.stop())
  const cluster = await startServers(folder, ports, binaries, link)
  cleanup.add(() => cluster.stop())
  signal.throwIfAborted()

  onProgress('installing the schema and the reference data')
  const databaseUrl = cluster.primary.connectionString(demoDatabase.database, demoDatabase.user)
  if (!folder.isKept) await createDatabase(cluster.primary.connectionString(), demoDatabase.database)
  const tokens = await prepareMain(databaseUrl, folder.settings.tokens)
  await folder.markReady({ ...folder.settings, tokens })
  signal.throwIfAborted()

  onProgress('starting both sites')
  const sites = superviseSites(folder, ports, options.env)
  for (const site of [sites.main, sites.observatory]) cleanup.add(() => site.stop())
  const control = await startLinkControl(link, {
    port: ports.linkControl,
    status: () => ({ main: describeSite(sites.main), observatory: describeSite(sites.observatory) }),
  })
  cleanup.add(() => control.stop())
  const stopSites = () => void Promise.all([sites.main.stop(), sites.observatory.stop()])
  signal.addEventListener('abort', stopSites, { once: true })
  await Promise.all([sites.main.start(), sites.observatory.start()])
  signal.removeEventListener('abort', stopSites)
  signal.throwIfAborted()

  const demo: ReadyDemo = {
    main: {
      url: `http://127.0.0.1:${ports.mainSite}`,
      token: tokens.main,
      database_url: databaseUrl,
      pid: sites.main.pid ?? 0,
    },
    observatory: {
      url: `http://127.0.0.1:${ports.observatorySite}`,
      token: tokens.observatory,
      database_url: cluster.standby.connectionString(demoDatabase.database, demoDatabase.user),
      pid: sites.observatory.pid ?? 0,
    },
    link: { url: control.url },
  }
  await Promise.all([untilServing(demo.main, signal), untilServing(demo.observatory, signal)])
  return {
    demo,
    link,
    folder: folder.path,
    isKept: folder.isKept,
    server: describeServer(binaries),
    stop: () => cleanup.run(),
  }
}

function startServers(
  folder: DemoFolder,
  ports: DemoPorts,
  binaries: PostgresBinaries,
  link: Link,
): Promise<Cluster> {
  return startCluster({
    binaries,
    folder: folder.path,
    names: ['main', 'replica'],
    ports: [ports.mainDatabase, ports.replicaDatabase],
    through: link,
    forwardName: 'postgres',
    config: { max_slot_wal_keep_size: slotLimit },
  })
}

function superviseSites(
  folder: DemoFolder,
  ports: DemoPorts,
  env: StackOptions['env'],
): Readonly<Record<SiteName, SupervisedProcess>> {
  const { secretKey } = folder.settings
  const supervise = (name: SiteName, options: Parameters<typeof siteProcess>[0]) =>
    new SupervisedProcess({
      name: `The ${name} site`,
      command: siteProcess(options, env),
      onStart: (pid) => notePid(options.folder, pid),
    })
  return {
    main: supervise('main', {
      name: 'main',
      type: 'main',
      port: ports.mainSite,
      main: { port: ports.mainDatabase, ...demoDatabase },
      folder: folder.siteFolder('main'),
      secretKey,
    }),
    observatory: supervise('observatory', {
      name: 'observatory',
      type: 'secondary',
      port: ports.observatorySite,
      // Through the link, like the WAL stream: what cuts one cuts the other.
      main: { port: ports.link, ...demoDatabase },
      local: { port: ports.replicaDatabase, ...demoDatabase },
      folder: folder.siteFolder('observatory'),
      secretKey,
    }),
  }
}

function describeSite(site: SupervisedProcess): Readonly<Record<string, unknown>> {
  return { pid: site.pid, state: site.state.kind, restarts: site.restarts }
}

function describeServer({ major, origin }: PostgresBinaries): string {
  return `PostgreSQL ${major} (${origin})`
}
