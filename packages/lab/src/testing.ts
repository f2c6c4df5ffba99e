import { afterAll, beforeAll, describe, it } from 'vitest'
import { LabMissing } from './errors/lab-error.ts'
import { findPgbouncer } from './pgbouncer.ts'
import { findPostgres, type PostgresBinaries, type PostgresMajor } from './postgres/binaries.ts'
import { type Cluster, type ClusterOptions, startCluster } from './postgres/cluster.ts'
import { PostgresServer, type ServerOptions } from './postgres/server.ts'
import { findRedis, type RedisOptions, RedisServer } from './redis.ts'

export { type FreshDatabase, freshDatabase } from './postgres/fresh-database.ts'
export { type WaitOptions, waitFor } from './process/wait-for.ts'

/** The PostgreSQL under test. */
export interface PostgresUnderTest {
  readonly major: PostgresMajor
  readonly binaries: PostgresBinaries
}

const majors: readonly PostgresMajor[] = [15, 18]

/**
 * Runs a block of tests on PostgreSQL 15 and on 18. A version that is not installed is skipped loudly on a
 * laptop and fails where `CI=true`, so that a green run there means both.
 */
export function describeEachPostgres(title: string, block: (pg: PostgresUnderTest) => void): void {
  for (const major of majors) {
    describeWhenFound(
      `${title} [PostgreSQL ${major}]`,
      () => findPostgres(major),
      (binaries) => block({ major, binaries }),
    )
  }
}

/** Runs a block when what `find` looks for is installed; otherwise skips loudly, or fails where `CI=true`. */
export function describeWhenFound<T>(title: string, find: () => T, block: (found: T) => void): void {
  let found: { readonly value: T }
  try {
    found = { value: find() }
  } catch (error) {
    if (!(error instanceof LabMissing)) throw error
    describeMissing(title, error)
    return
  }
  describe(title, () => block(found.value))
}

/** {@link describeEachPostgres} for what also needs pgbouncer. */
export function describeEachPostgresWithPgbouncer(
  title: string,
  block: (pg: PostgresUnderTest) => void,
): void {
  describeWhenFound(`${title} through pgbouncer`, findPgbouncer, () => describeEachPostgres(title, block))
}

/** Runs a block of tests on a real redis-server of its own; see {@link describeWhenFound}. */
export function describeRedis(title: string, block: () => void): void {
  describeWhenFound(title, findRedis, block)
}

/** Starts a cluster of the version under test; the caller stops it. */
export function startTestCluster(
  pg: PostgresUnderTest,
  options: Omit<ClusterOptions, 'binaries'> = {},
): Promise<Cluster> {
  return startCluster({ ...options, binaries: pg.binaries })
}

/** A cluster for the tests of the surrounding block: started before the first, stopped after the last. */
export function useCluster(
  pg: PostgresUnderTest,
  options: Omit<ClusterOptions, 'binaries'> = {},
): () => Cluster {
  let cluster: Cluster | undefined
  beforeAll(async () => {
    cluster = await startTestCluster(pg, options)
  })
  afterAll(async () => cluster?.stop())
  return () => cluster!
}

/** A server for the tests of the surrounding block: started before the first, destroyed after the last. */
export function useServer(
  pg: PostgresUnderTest,
  options: Omit<ServerOptions, 'binaries'> = {},
): () => PostgresServer {
  let server: PostgresServer | undefined
  beforeAll(async () => {
    server = await PostgresServer.create({ ...options, binaries: pg.binaries })
    await server.init()
    await server.start()
  })
  afterAll(async () => server?.destroy())
  return () => server!
}

/** A redis-server for the tests of the surrounding block: started before the first, destroyed after the last. */
export function useRedis(options: RedisOptions = {}): () => RedisServer {
  let server: RedisServer | undefined
  beforeAll(async () => {
    server = await RedisServer.start(options)
  })
  afterAll(async () => server?.destroy())
  return () => server!
}

function describeMissing(title: string, missing: LabMissing): void {
  if (process.env.CI === 'true') {
    describe(title, () => {
      it('finds the server that it tests', () => {
        throw missing
      })
    })
    return
  }
  process.stderr.write(`\nSKIPPED: ${title}: ${missing.message}\n  ${missing.hint}\n`)
  describe.skip(`${title} (SKIPPED: ${missing.message})`, () => it('is installed', () => undefined))
}
