import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, Link } from '@outpost/lab'
import { type PostgresUnderTest, startTestCluster } from '@outpost/lab/testing'
import type { FastifyInstance } from 'fastify'
import { migrate, outpostMigrations } from 'outpost/migrate'
import { openSite, type Site, type SiteDatabase, type SiteOptions } from 'outpost/site'
import { createToken } from '../auth/create-token.ts'
import type { Scope } from '../auth/scope.ts'
import { TokenStore } from '../auth/token-store.ts'
import { opsDbMigrations } from '../migrations/migrations.ts'
import { sitePreflight } from '../recording/site-preflight.ts'
import { seedReferenceData } from '../reference/seed-reference-data.ts'
import { buildServer } from './build-server.ts'

/** A site of the test with its API, driven without a port. */
export interface TestSite {
  readonly site: Site
  readonly app: FastifyInstance
  readonly tokens: TokenStore
  stop(): Promise<void>
}

export interface TestAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Readonly<Record<string, unknown>> & { readonly items: readonly Record<string, unknown>[] }
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH'

/** Main and the observatory on real servers: a primary, its replica, and a link between them. */
export class TwoSites {
  readonly cluster: Cluster
  readonly link: Link
  readonly #folder: string
  readonly #bearers = new Map<Scope, string>()
  #observatory: TestSite | undefined
  #main: TestSite | undefined

  private constructor(cluster: Cluster, link: Link, folder: string) {
    this.cluster = cluster
    this.link = link
    this.#folder = folder
  }

  static async start(version: PostgresUnderTest): Promise<TwoSites> {
    const link = new Link()
    const cluster = await startTestCluster(version, { through: link })
    const sites = new TwoSites(cluster, link, await mkdtemp(join(tmpdir(), 'two-sites-')))
    await sites.#install()
    return sites
  }

  get observatory(): TestSite {
    if (this.#observatory === undefined) throw new Error('The observatory is not open.')
    return this.#observatory
  }

  get main(): TestSite {
    if (this.#main === undefined) throw new Error('The main site is not open.')
    return this.#main
  }

  /** A busy machine is no reason for a check to give up in a test that is about what it finds: it gets 5 s. */
  async openObservatory(
    checkBudgetMs = 5_000,
    limits: Pick<SiteOptions, 'journalMaxBytes'> = {},
  ): Promise<TestSite> {
    const { upstream, standby } = this.cluster
    this.#observatory = await this.#open('observatory', 'secondary', upstream, standby, checkBudgetMs, limits)
    return this.#observatory
  }

  /** With `standby` it reads on the cluster's standby while main is away. */
  async openMain(
    checkBudgetMs = 5_000,
    standby?: { readonly host: string; readonly port: number },
  ): Promise<TestSite> {
    this.#main = await this.#open('main', 'main', this.cluster.primary, standby, checkBudgetMs)
    return this.#main
  }

  bearer(scope: Scope): string {
    return this.#bearers.get(scope) ?? ''
  }

  async call(
    site: TestSite,
    method: Method,
    url: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<TestAnswer> {
    const answer = await site.app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${this.bearer('write')}`, ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
    })
    return { status: answer.statusCode, headers: answer.headers, body: answer.json() }
  }

  async stop(): Promise<void> {
    this.link.restore()
    await this.#observatory?.stop()
    await this.#main?.stop()
    await this.cluster.stop()
    await this.link.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #install(): Promise<void> {
    const client = await this.cluster.primary.connect()
    try {
      await migrate(client, [outpostMigrations, opsDbMigrations])
      await seedReferenceData(client)
      for (const scope of ['read', 'write', 'admin'] as const) {
        const { token } = await createToken(client, { name: `test ${scope}`, scopes: [scope] })
        this.#bearers.set(scope, token)
      }
    } finally {
      await client.end()
    }
  }

  async #open(
    name: string,
    type: 'main' | 'secondary',
    main: { readonly host: string; readonly port: number },
    local: { readonly host: string; readonly port: number } | undefined,
    checkBudgetMs: number,
    limits: Pick<SiteOptions, 'journalMaxBytes'> = {},
  ): Promise<TestSite> {
    const journalPath = join(this.#folder, name)
    const site = await openSite({
      ...limits,
      name,
      type,
      journalPath,
      secretKey: 'a secret of the tests',
      main: databaseAt(main),
      ...(local === undefined ? {} : { local: databaseAt(local) }),
      preflight: sitePreflight({ budgetMs: checkBudgetMs }),
    })
    const tokens = await TokenStore.open({
      read: async (sql) => (await site.read(sql)).rows,
      path: join(journalPath, 'tokens.json'),
    })
    const app = await buildServer({ site, tokens, checkBudgetMs })
    const stop = async () => {
      await app.close()
      await tokens.stop()
      await site.stop()
    }
    return { site, app, tokens, stop }
  }
}

function databaseAt({ host, port }: { readonly host: string; readonly port: number }): SiteDatabase {
  return { host, port, user: 'postgres', database: 'postgres' }
}
