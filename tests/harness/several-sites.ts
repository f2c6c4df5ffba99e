import { rm } from 'node:fs/promises'
import {
  buildStandby,
  follow,
  type Link,
  makeLabFolder,
  PostgresServer,
  startLink,
  untilCaughtUp,
} from '@outpost/lab'
import type { PostgresUnderTest } from '@outpost/lab/testing'
import { findViolations, type Violation } from './checker.ts'
import { type Ground, prepareGround } from './ground.ts'
import { LiveReaders } from './live-readers.ts'
import { LiveSite } from './live-site.ts'
import { LiveWriter } from './live-writer.ts'
import { readMain } from './main-state.ts'
import { endpointOf } from './stage.ts'

/** One of several sites: its replica, its own lines to main for calls and for WAL, and who writes and reads there. */
export interface SiteOfSeveral {
  readonly ground: Ground
  readonly live: LiveSite
  readonly replica: PostgresServer
  readonly calls: Link
  readonly wal: Link
  readonly writer: LiveWriter
  readonly readers: LiveReaders
}

/** One main, a standby that can take its place, and several sites on one database, each with replica and journal. */
export class SeveralSites {
  readonly sites: readonly SiteOfSeveral[]
  readonly candidate: PostgresServer
  #main: PostgresServer
  readonly #candidateLink: Link
  readonly #folder: string

  private constructor(
    parts: Pick<SeveralSites, 'sites' | 'candidate'> & { main: PostgresServer; link: Link; folder: string },
  ) {
    this.sites = parts.sites
    this.candidate = parts.candidate
    this.#main = parts.main
    this.#candidateLink = parts.link
    this.#folder = parts.folder
  }

  /** Starts the servers and opens the sites. */
  static async start(pg: PostgresUnderTest, count: number): Promise<SeveralSites> {
    const folder = await makeLabFolder()
    const create = (name: string) => PostgresServer.create({ folder, name, binaries: pg.binaries })
    const main = await create('main')
    await main.init()
    const candidate = await create('candidate')
    const replicas = await Promise.all(Array.from({ length: count }, (_, index) => create(`replica${index}`)))
    // Cold copies, before the first start.
    for (const standby of [candidate, ...replicas])
      await buildStandby(standby, main, { upstream: { host: '127.0.0.1', port: 1 } })
    await main.start()
    const candidateLink = await startLink({ target: endpointOf(main) })
    await follow(candidate, { upstream: candidateLink.endpoint() })
    await candidate.start()
    const sites: SiteOfSeveral[] = []
    for (const [index, replica] of replicas.entries()) {
      const [calls, wal] = [
        await startLink({ target: endpointOf(main) }),
        await startLink({ target: endpointOf(main) }),
      ]
      await follow(replica, { upstream: wal.endpoint() })
      await replica.start()
      const beside = sites[0]?.ground
      const mainEndpoint = calls.endpoint()
      const ground = await prepareGround({ main, replica, mainEndpoint, ...(beside && { beside }) })
      const streams = ['a', 'b'].map((stream) => `${stream} of site ${index}`)
      const writer = new LiveWriter({ streams, everyMs: 10, readsBack: true })
      const live = new LiveSite(ground)
      sites.push({ ground, live, replica, calls, wal, writer, readers: new LiveReaders(writer) })
    }
    const all = new SeveralSites({ sites, candidate, main, link: candidateLink, folder })
    await all.caughtUp()
    for (const { live } of sites) await live.open()
    return all
  }

  async caughtUp(): Promise<void> {
    for (const { replica } of this.sites) await untilCaughtUp(replica, this.#main)
    await untilCaughtUp(this.candidate, this.#main)
  }

  /** Neither the candidate nor any site's replica gets what is written from now on. */
  async holdBack(): Promise<void> {
    await this.caughtUp()
    this.#candidateLink.cut()
    for (const { wal } of this.sites) wal.cut()
  }

  /** Main dies, the candidate takes its place, and every site and replica finds it there. */
  async failOver(): Promise<void> {
    await this.#main.kill()
    await this.candidate.promote()
    this.#main = this.candidate
    for (const { calls, wal } of this.sites) {
      for (const link of [calls, wal]) link.setTarget('default', endpointOf(this.candidate))
      wal.restore()
    }
  }

  /** What all sites together were promised, against what main holds. */
  async violations(): Promise<readonly Violation[]> {
    const accounts = this.sites.map(({ writer }) => writer.account)
    const client = await this.#main.connect(this.sites[0]!.ground.database)
    try {
      const names = this.sites.map(({ ground }) => ground.site.name)
      return findViolations(
        {
          acknowledged: accounts.flatMap(({ acknowledged }) => acknowledged),
          inDoubt: accounts.flatMap(({ inDoubt }) => inDoubt),
        },
        await readMain(client, names),
      )
    } finally {
      await client.end()
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.sites.map(({ live }) => live.stop()))
    await Promise.all(this.sites.flatMap(({ calls, wal }) => [calls.stop(), wal.stop()]))
    await this.#candidateLink.stop()
    await Promise.all(this.sites.map(({ replica }) => replica.stop('immediate')))
    await this.candidate.stop('immediate')
    await this.#main.stop('immediate')
    await Promise.all(this.sites.map(({ ground }) => ground.clear()))
    await rm(this.#folder, { recursive: true, force: true })
  }
}
