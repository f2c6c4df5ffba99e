import {
  type Cluster,
  type Endpoint,
  type Link,
  type PostgresServer,
  startCluster,
  startLink,
} from '@outpost/lab'
import type { PostgresUnderTest } from '@outpost/lab/testing'
import type { SiteOptions } from 'outpost/site'
import { type Ground, prepareGround } from './ground.ts'
import { LiveSite } from './live-site.ts'

export interface StageOptions {
  readonly site?: Partial<SiteOptions>
  readonly seams?: ConstructorParameters<typeof LiveSite>[1]
  readonly config?: Readonly<Record<string, string | number | boolean>>
}

/** One main, one observatory with its replica, and the link between them, which carries calls and WAL alike. */
export interface Stage {
  readonly cluster: Cluster
  readonly link: Link
  readonly ground: Ground
  readonly live: LiveSite
  stop(): Promise<void>
}

/** Name of the way to main in the stage's link. */
export const toMain = 'postgres'

/** Starts the servers and prepares the site, which the caller opens. */
export async function startStage(pg: PostgresUnderTest, options: StageOptions = {}): Promise<Stage> {
  const link = await startLink()
  let cluster: Cluster | undefined
  try {
    cluster = await startCluster({
      binaries: pg.binaries,
      through: link,
      forwardName: toMain,
      ...(options.config && { config: options.config }),
    })
    const ground = await prepareGround({
      main: cluster.primary,
      replica: cluster.standby,
      mainEndpoint: link.endpoint(toMain),
      ...(options.site && { site: options.site }),
    })
    return stageOf(cluster, link, ground, new LiveSite(ground, options.seams))
  } catch (error) {
    await cluster?.stop()
    await link.stop()
    throw error
  }
}

function stageOf(cluster: Cluster, link: Link, ground: Ground, live: LiveSite): Stage {
  return {
    cluster,
    link,
    ground,
    live,
    stop: async () => {
      await live.stop()
      await link.stop()
      await cluster.stop()
      await ground.clear()
    },
  }
}

/** Where a server listens. */
export function endpointOf(server: PostgresServer): Endpoint {
  return { host: server.host, port: server.port }
}
