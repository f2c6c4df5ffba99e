import { rm } from 'node:fs/promises'
import {
  buildStandby,
  type Endpoint,
  follow,
  type Link,
  makeLabFolder,
  PostgresServer,
  rebuildStandby,
  startLink,
  untilCaughtUp,
  waitFor,
} from '@outpost/lab'
import type { PostgresUnderTest } from '@outpost/lab/testing'
import { type Ground, type GroundOptions, prepareGround } from './ground.ts'
import { LiveSite } from './live-site.ts'
import { endpointOf } from './stage.ts'

/** Ways of one link that can be pointed elsewhere or cut alone. */
type Way = 'main' | 'replicaStream' | 'candidateStream'

/**
 * A main, two standbys that could take its place, and the site's own replica, each with its own stream, so that a
 * test decides which of them lacks the last transactions when main is lost.
 */
export class ReplaceableMain {
  readonly main: PostgresServer
  readonly candidates: readonly [PostgresServer, PostgresServer]
  readonly replica: PostgresServer
  readonly ground: Ground
  readonly live: LiveSite
  readonly #links: Readonly<Record<Way, Link>>
  readonly #folder: string

  private constructor(parts: {
    main: PostgresServer
    candidates: readonly [PostgresServer, PostgresServer]
    replica: PostgresServer
    ground: Ground
    links: Readonly<Record<Way, Link>>
    folder: string
  }) {
    this.main = parts.main
    this.candidates = parts.candidates
    this.replica = parts.replica
    this.ground = parts.ground
    this.#links = parts.links
    this.#folder = parts.folder
    this.live = new LiveSite(parts.ground)
  }

  /** Starts everything; the site is not open yet. `site` may put something between the site and the servers. */
  static async start(
    pg: PostgresUnderTest,
    site: (servers: {
      readonly main: PostgresServer
      readonly replica: PostgresServer
      readonly mainLink: Endpoint
    }) => Promise<Partial<GroundOptions>> = () => Promise.resolve({}),
  ): Promise<ReplaceableMain> {
    const folder = await makeLabFolder()
    const create = (name: string) => PostgresServer.create({ folder, name, binaries: pg.binaries })
    const main = await create('main')
    await main.init()
    const replica = await create('replica')
    const candidates = [await create('candidate1'), await create('candidate2')] as const
    // Cold copies, before the first start.
    for (const standby of [replica, ...candidates])
      await buildStandby(standby, main, { upstream: { host: '127.0.0.1', port: 1 } })
    await main.start()
    const toMain = async () => await startLink({ target: endpointOf(main) })
    const links = { main: await toMain(), replicaStream: await toMain(), candidateStream: await toMain() }
    await follow(replica, { upstream: links.replicaStream.endpoint() })
    for (const candidate of candidates)
      await follow(candidate, { upstream: links.candidateStream.endpoint() })
    await Promise.all([replica, ...candidates].map(async (server) => await server.start()))
    const ground = await prepareGround({
      main,
      replica,
      mainEndpoint: links.main.endpoint(),
      ...(await site({ main, replica, mainLink: links.main.endpoint() })),
    })
    return new ReplaceableMain({ main, candidates, replica, ground, links, folder })
  }

  link(way: Way): Link {
    return this.#links[way]
  }

  /** Both candidates, and the replica too when told, get nothing of what is written from now on. */
  async holdBack(options: { readonly replicaToo: boolean }): Promise<void> {
    for (const candidate of this.candidates) await untilCaughtUp(candidate, this.main)
    await untilCaughtUp(this.replica, this.main)
    this.#links.candidateStream.cut()
    if (options.replicaToo) this.#links.replicaStream.cut()
  }

  /** Main dies and `server` takes its place and its address. */
  async failOverTo(server: PostgresServer): Promise<void> {
    await this.main.kill()
    await server.promote()
    this.pointAt(server)
  }

  /** The address of main leads to this server from now on; connections to the old one are reset. */
  pointAt(server: PostgresServer): void {
    this.#links.main.setTarget('default', endpointOf(server))
  }

  /** Lets the replica follow the server that took over. */
  async followWithReplica(server: PostgresServer): Promise<void> {
    this.#links.replicaStream.restore()
    this.#links.replicaStream.setTarget('default', endpointOf(server))
    await waitFor(async () => (await this.replica.query('SELECT 1')).length === 1, {
      what: 'the replica answering',
    })
  }

  /** The replica was ahead of the fork: its data is thrown away and copied from the new main. */
  async rebuildReplica(server: PostgresServer): Promise<void> {
    this.#links.replicaStream.restore()
    this.#links.replicaStream.setTarget('default', endpointOf(server))
    await rebuildStandby(this.replica, server, { upstream: this.#links.replicaStream.endpoint() })
  }

  async stop(): Promise<void> {
    await this.live.stop()
    await Promise.all(Object.values(this.#links).map(async (link) => await link.stop()))
    await Promise.all(
      [this.replica, ...this.candidates].map(async (server) => await server.stop('immediate')),
    )
    await this.main.stop('immediate')
    await this.ground.clear()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
