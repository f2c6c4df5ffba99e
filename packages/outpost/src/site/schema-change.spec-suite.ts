import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, type Link, startLink, untilCaughtUp } from '@outpost/lab'
import { type PostgresUnderTest, startTestCluster } from '@outpost/lab/testing'
import { migrate } from '../ledger/migrate.ts'
import { type Migration, outpostMigrations } from '../ledger/migration.ts'
import { revert } from '../ledger/revert.ts'
import { openSiteWith, type SiteSeams } from './open-site.ts'
import type { Receipt, Site } from './site-api.ts'

/** The first form of the application's tables. */
export const firstForm: Migration = {
  number: 1,
  name: 'notes',
  sql: `CREATE TABLE note (id integer PRIMARY KEY, text text NOT NULL, size integer, mood text);
        CREATE TABLE mark (id integer PRIMARY KEY, note_id integer NOT NULL REFERENCES note (id), kind text NOT NULL)`,
}

/** One site over a link that can be cut, and a main whose application's migrations are installed one by one. */
export class ChangingSchema {
  readonly cluster: Cluster
  readonly link: Link
  site!: Site
  readonly #folder: string
  readonly #main: { readonly host: string; readonly port: number }
  #migrations: readonly Migration[] = [firstForm]

  private constructor(
    cluster: Cluster,
    link: Link,
    folder: string,
    main: { readonly host: string; readonly port: number },
  ) {
    this.cluster = cluster
    this.link = link
    this.#folder = folder
    this.#main = main
  }

  static async start(pg: PostgresUnderTest, seams: SiteSeams = {}): Promise<ChangingSchema> {
    const link = await startLink({ forwards: {} })
    const cluster = await startTestCluster(pg)
    const { host, port } = cluster.primary
    const main = await link.forward('main', { host, port })
    const folder = await mkdtemp(join(tmpdir(), 'outpost-schema-'))
    const world = new ChangingSchema(cluster, link, folder, main)
    await world.#migrate()
    await untilCaughtUp(cluster.standby, cluster.primary)
    await world.open(seams)
    return world
  }

  async open(seams: SiteSeams = {}): Promise<void> {
    const database = 'postgres'
    const { host, port } = this.cluster.standby
    this.site = await openSiteWith(
      {
        name: 'observatory',
        type: 'secondary',
        main: { ...this.#main, user: 'postgres', database },
        local: { host, port, user: 'postgres', database },
        journalPath: this.#folder,
        secretKey: 'a secret of some length',
        idleIntervalMs: 100,
      },
      seams,
    )
  }

  async stop(): Promise<void> {
    await this.site.stop()
    await this.cluster.stop()
    await this.link.stop()
    await rm(this.#folder, { recursive: true })
  }

  /** Installs the next migration on main; the replica has it when this resolves. */
  async install(change: Omit<Migration, 'number' | 'name'>): Promise<void> {
    const number = this.#migrations.length + 1
    this.#migrations = [...this.#migrations, { number, name: `change ${number}`, ...change }]
    await this.#migrate()
    await untilCaughtUp(this.cluster.standby, this.cluster.primary)
  }

  /** Undoes the newest one. */
  async revert(): Promise<void> {
    const client = await this.cluster.primary.connect()
    try {
      await revert(client, { namespace: 'app', migrations: this.#migrations })
    } finally {
      await client.end()
    }
    this.#migrations = this.#migrations.slice(0, -1)
    await untilCaughtUp(this.cluster.standby, this.cluster.primary)
  }

  async onMain(sql: string): Promise<readonly unknown[]> {
    return await this.cluster.primary.query(sql)
  }

  async insert(table: string, row: Readonly<Record<string, unknown>>): Promise<Receipt> {
    const write = this.site.transaction()
    write.insert(table, row)
    return await this.site.append(write)
  }

  async update(table: string, id: number, set: Readonly<Record<string, unknown>>): Promise<Receipt> {
    const write = this.site.transaction()
    write.update(table, { id }, set)
    return await this.site.append(write)
  }

  async #migrate(): Promise<void> {
    const client = await this.cluster.primary.connect()
    try {
      await migrate(client, [outpostMigrations, { namespace: 'app', migrations: this.#migrations }])
    } finally {
      await client.end()
    }
  }
}
