import {
  type Cluster,
  findPostgres,
  isFree,
  type Link,
  type PostgresBinaries,
  type PostgresServer,
  startCluster,
  startLink,
  startLinkControl,
} from '@outpost/lab'
import { Cleanup } from './cleanup.ts'
import { type DemoFolder, takeFolder } from './folder.ts'
import { assertSameVersion } from './kept-data.ts'
import { choosePorts, type DemoPorts } from './ports.ts'
import { createDatabase, type DemoTokens, prepareMain } from './prepare-main.ts'
import type { ReadyDemo, ReadySite } from './ready-line.ts'
import { demoDatabase, describeSite, type SiteName, startSites } from './sites.ts'
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
    await cleanup.run().catch((second: unknown) => {
      throw new AggregateError(
        [error, second],
        `${String(error)}; and undoing the start failed: ${String(second)}`,
      )
    })
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
  const link = await openLink(ports)
  cleanup.add(() => link.stop())
  let cluster: Cluster | undefined
  cleanup.add(async () => cluster?.stop())
  // The sites load their program while the servers start, and begin when the schema is there.
  const sites = startSites(folder, ports, options, cleanup)
  cluster = await startServers(folder, ports, binaries, link)
  signal.throwIfAborted()

  onProgress('installing the schema and the reference data')
  const tokens = await prepare(cluster, folder)
  signal.throwIfAborted()

  onProgress('starting both sites')
  await sites.begin()
  signal.throwIfAborted()
  const control = await startLinkControl(link, {
    port: ports.linkControl,
    status: () => ({ main: describeSite(sites.main), observatory: describeSite(sites.observatory) }),
  })
  cleanup.add(() => control.stop())

  const readySite = (name: SiteName, port: number, server: PostgresServer): ReadySite => ({
    url: `http://127.0.0.1:${port}`,
    token: tokens[name],
    database_url: databaseUrl(server),
    pid: sites[name].pid ?? 0,
  })
  const demo: ReadyDemo = {
    main: readySite('main', ports.mainSite, cluster.primary),
    observatory: readySite('observatory', ports.observatorySite, cluster.standby),
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

/** One way for the observatory's calls to main and for the WAL stream: what cuts one cuts the other. */
function openLink(ports: DemoPorts): Promise<Link> {
  const target = { host: '127.0.0.1', port: ports.mainDatabase }
  return startLink({ forwards: { postgres: { target, listenPort: ports.link } } })
}

/** Schema, reference data and tokens on main; notes that the folder is complete. */
async function prepare(cluster: Cluster, folder: DemoFolder): Promise<DemoTokens> {
  if (!folder.isKept) await createDatabase(cluster.primary.connectionString(), demoDatabase.database)
  const tokens = await prepareMain(databaseUrl(cluster.primary), folder.settings.tokens)
  await folder.markReady({ ...folder.settings, tokens })
  return tokens
}

function databaseUrl(server: PostgresServer): string {
  return server.connectionString(demoDatabase.database, demoDatabase.user)
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

function describeServer({ major, origin }: PostgresBinaries): string {
  return `PostgreSQL ${major} (${origin})`
}
