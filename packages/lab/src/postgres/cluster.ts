import { rm } from 'node:fs/promises'
import type { Link } from '../link/link.ts'
import type { PostgresBinaries } from './binaries.ts'
import { makeLabFolder } from './lab-folder.ts'
import { PostgresServer } from './server.ts'
import type { Settings } from './settings.ts'
import {
  buildStandby,
  type Endpoint,
  ensureSlot,
  type FollowOptions,
  makeStandby,
  rebuildStandby,
} from './standby.ts'

export interface ClusterOptions {
  readonly binaries?: PostgresBinaries
  /** How many standbys; 1 unless told. */
  readonly standbys?: number
  /**
   * A link that the WAL stream takes. The cluster adds (or points) its forward {@link forwardName} at the primary;
   * clients may use the same forward, so that they share the link's fate.
   */
  readonly through?: Link
  /** Name of that forward; `postgres` unless told. */
  readonly forwardName?: string
  /** Settings of every server, over the lab's own. */
  readonly config?: Settings
  /** Folder of the data, kept by `stop`; when it holds data from before, that is used. Temporary when left out. */
  readonly folder?: string
  /** Names of the servers, primary first; `main`, `standby1` … unless told. */
  readonly names?: readonly string[]
  /** Ports, primary first; free ones where left out. */
  readonly ports?: readonly number[]
  /** Whether each standby has a slot (named like it) on the primary; yes unless told. */
  readonly slots?: boolean
}

/** A primary and its standbys. */
export interface Cluster {
  /** The server that the cluster began with as primary; a promotion does not change who this is. */
  readonly primary: PostgresServer
  readonly standbys: readonly PostgresServer[]
  /** The first standby, which most tests have in mind. */
  readonly standby: PostgresServer
  /** Where the standbys reach the primary: itself, or the link. */
  readonly upstream: Endpoint
  /** Throws a server's data away and makes it follow `from`, through the link when `from` is reached by it. */
  rebuild(server: PostgresServer, from: PostgresServer): Promise<void>
  /** Stops every server, standbys first, and removes the data unless its folder was given. */
  stop(): Promise<void>
}

/** Starts a primary with streaming standbys: about 1 s, most of it initdb. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const folder = options.folder ?? (await makeLabFolder())
  const servers = await createServers(options, folder)
  const stop = async () => {
    await Promise.all(servers.slice(1).map((server) => server.stop()))
    await servers[0]!.stop()
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true })
  }
  try {
    return await startServers(options, servers, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function startServers(
  options: ClusterOptions,
  servers: readonly PostgresServer[],
  stop: () => Promise<void>,
): Promise<Cluster> {
  const [primary, ...standbys] = servers as [PostgresServer, ...PostgresServer[]]
  const isNew = !(await primary.hasData())
  if (isNew) await primary.init()
  else await primary.adopt()
  // Cold, before the first start: four times faster than a live copy.
  if (isNew)
    for (const standby of standbys)
      await buildStandby(standby, primary, { upstream: { host: '127.0.0.1', port: 1 } })
  await primary.start()
  const upstream = await upstreamOf(options, primary)
  const following = (standby: PostgresServer, to: Endpoint): FollowOptions =>
    options.slots === false ? { upstream: to } : { upstream: to, slot: standby.name }
  await Promise.all(standbys.map((standby) => startStandby(standby, primary, following(standby, upstream))))
  return {
    primary,
    standbys,
    get standby() {
      return standbys[0]!
    },
    upstream,
    rebuild: (server, from) =>
      rebuildStandby(
        server,
        from,
        following(server, from === primary ? upstream : { host: from.host, port: from.port }),
      ),
    stop,
  }
}

async function startStandby(
  standby: PostgresServer,
  primary: PostgresServer,
  options: FollowOptions,
): Promise<void> {
  if (options.slot !== undefined) await ensureSlot(primary, options.slot)
  if (await standby.hasData()) await makeStandby(standby, options)
  else await buildStandby(standby, primary, options)
  await standby.start()
}

async function upstreamOf(options: ClusterOptions, primary: PostgresServer): Promise<Endpoint> {
  const direct = { host: primary.host, port: primary.port }
  if (options.through === undefined) return direct
  return options.through.forward(options.forwardName ?? 'postgres', direct)
}

function createServers(options: ClusterOptions, folder: string): Promise<PostgresServer[]> {
  const count = 1 + (options.standbys ?? 1)
  return Promise.all(
    Array.from({ length: count }, (_, at) => {
      const port = options.ports?.[at]
      return PostgresServer.create({
        folder,
        name: options.names?.[at] ?? (at === 0 ? 'main' : `standby${at}`),
        ...(options.binaries && { binaries: options.binaries }),
        ...(options.config && { config: options.config }),
        ...(port !== undefined && { port }),
      })
    }),
  )
}
