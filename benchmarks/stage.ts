import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type Endpoint, type Link, startCluster, startLink, waitFor } from '@outpost/lab'
import { createToken, opsDbMigrations, seedReferenceData } from '@outpost/ops-db-api'
import { migrate, outpostMigrations } from 'outpost/migrate'
import type { Client } from 'pg'
import type { Scale } from './benchmark.ts'

const database = 'ops_db'
/** Way of the site's own connections over the link; the WAL stream has another one on the same line. */
const siteForward = 'site'

/**
 * Real servers for one benchmark: main, its replica, the link that carries both the WAL stream and the site's
 * connections, the service's whole schema with its reference data, and a token that may write.
 */
export interface Stage {
  readonly scale: Scale
  readonly cluster: Cluster
  readonly link: Link
  /** Main as the site reaches it. */
  readonly mainOverLink: Endpoint
  /** Folder for journals and logs. */
  readonly folder: string
  readonly database: string
  readonly token: string
  readonly obsUnitId: number
  readonly moduleIds: readonly number[]
  /** A connection to main that does not take the link; the stage ends it. */
  readonly onMain: Client
  /** Has something stopped before the servers are, in reverse order; stopping twice must do no harm. */
  stopsFirst(stop: () => Promise<unknown>): void
}

type Stopping = () => Promise<unknown>

export interface StageOptions {
  /** False: replica and site reach main directly, for what must not share a core with the link. Default true. */
  readonly isLinked?: boolean
}

/** Starts the servers, measures on them, and leaves nothing behind, whatever fails. */
export async function withStage<Result>(
  scale: Scale,
  options: StageOptions,
  measure: (stage: Stage) => Promise<Result>,
): Promise<Result> {
  const opened: Stopping[] = []
  try {
    return await measure(await startStage(scale, options, opened))
  } finally {
    for (const stop of opened.toReversed()) await stop()
  }
}

async function startStage(
  scale: Scale,
  { isLinked = true }: StageOptions,
  opened: Stopping[],
): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'outpost-bench-'))
  opened.push(() => rm(folder, { recursive: true, force: true }))
  const link = await startLink()
  opened.push(() => link.stop())
  const cluster = await startCluster(isLinked ? { through: link } : {})
  opened.push(() => cluster.stop())
  const { host, port } = cluster.primary
  const mainOverLink = isLinked ? await link.forward(siteForward, { host, port }) : { host, port }
  await cluster.primary.query(`CREATE DATABASE ${database}`)
  const onMain = await cluster.primary.connect(database)
  opened.push(() => onMain.end())
  const token = await install(onMain)
  await untilReplicaHas(cluster, 'SELECT 1 FROM public.api_token')
  const facts = await referenceIds(onMain)
  const stopsFirst = (stop: Stopping) => void opened.push(stop)
  // A slow or cut link would only make the stopping slow.
  stopsFirst(async () => {
    link.restore()
    link.delay(0)
  })
  return { scale, cluster, link, mainOverLink, folder, database, token, onMain, ...facts, stopsFirst }
}

/** Resolves with the next moment (monotonic milliseconds) at which the site opens a connection over the link. */
export function nextContact(stage: Stage): Promise<number> {
  return new Promise((resolve) => {
    const listen = (forward: string) => {
      if (forward !== siteForward) return
      stage.link.off('open', listen)
      resolve(performance.now())
    }
    stage.link.on('open', listen)
  })
}

/** Waits until a query answers rows on the replica: until then a site would not know what was just installed. */
async function untilReplicaHas(cluster: Cluster, sql: string): Promise<void> {
  const hasRows = async () => (await cluster.standby.query(sql, [], database)).length > 0
  await waitFor(() => hasRows().catch(() => false), { what: `rows of ${sql}`, deadlineMs: 30_000 })
}

async function install(client: Client): Promise<string> {
  await migrate(client, [outpostMigrations, opsDbMigrations])
  await seedReferenceData(client)
  const { token } = await createToken(client, { name: 'benchmark', scopes: ['read', 'write', 'admin'] })
  return token
}

async function referenceIds(client: Client) {
  const units = await client.query<{ id: number }>('SELECT min(id) AS id FROM obs_unit')
  const modules = await client.query<{ id: number }>('SELECT id FROM instrument_module ORDER BY id')
  return { obsUnitId: units.rows[0]!.id, moduleIds: modules.rows.map(({ id }) => id) }
}
