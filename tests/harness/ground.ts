import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Endpoint, freshDatabase, makeLabFolder, type PostgresServer } from '@outpost/lab'
import type { SiteOptions } from 'outpost/site'
import type { Account, Violation } from './checker.ts'
import { findViolations } from './checker.ts'
import { type MainState, readMain } from './main-state.ts'
import { grantSiteOn, installSchema, siteRole } from './schema.ts'

export interface GroundOptions {
  readonly main: PostgresServer
  readonly replica: PostgresServer
  /** Where the site reaches main: the server itself unless told. */
  readonly mainEndpoint?: Endpoint
  readonly replicaEndpoint?: Endpoint
  /** Over the options that make tests quick. */
  readonly site?: Partial<SiteOptions>
  /** The site of another ground is on the same database of main. */
  readonly beside?: Pick<Ground, 'database'>
}

/** A database of its own on shared servers, with the options of a site for it and a folder for its journal. */
export interface Ground {
  readonly database: string
  readonly folder: string
  readonly site: SiteOptions
  readMain(server?: PostgresServer): Promise<MainState>
  violations(account: Account, server?: PostgresServer): Promise<readonly Violation[]>
  /** Removes the journal; the database goes with its server. */
  clear(): Promise<void>
}

let grounds = 0

export async function prepareGround(options: GroundOptions): Promise<Ground> {
  const { main, replica } = options
  grounds += 1
  const name = `site-${process.pid}-${grounds}`
  const database = options.beside?.database ?? (await freshDatabase(main)).name
  if (options.beside) await grantSiteOn(main, database, name)
  else await installSchema(main, database, [name])
  const folder = await makeLabFolder()
  const journalPath = join(folder, 'journal')
  await mkdir(journalPath, { recursive: true })
  const at = (endpoint: Endpoint) => ({
    host: endpoint.host,
    port: endpoint.port,
    user: options.beside ? name : siteRole,
    database,
  })
  const read = async (server: PostgresServer) => {
    const client = await server.connect(database)
    try {
      return await readMain(client, [name])
    } finally {
      await client.end()
    }
  }
  return {
    database,
    folder,
    site: {
      name,
      type: 'secondary',
      main: at(options.mainEndpoint ?? main),
      local: at(options.replicaEndpoint ?? replica),
      journalPath,
      secretKey: 'a secret of the fault tests',
      idleIntervalMs: 100,
      retryDelayMs: 100,
      lsnCheckIntervalMs: 20,
      ...options.site,
    },
    readMain: (server = main) => read(server),
    violations: async (account, server = main) => findViolations(account, await read(server)),
    clear: () => rm(folder, { recursive: true, force: true }),
  }
}
