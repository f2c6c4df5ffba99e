import { join } from 'node:path'
import { OutpostError } from '../errors/outpost-error.ts'
import type { Catalog } from '../postgres/catalog.ts'
import { CatalogCache } from '../postgres/catalog-cache.ts'
import { introspect } from '../postgres/introspect.ts'
import { withPolicies } from '../postgres/read-policies.ts'
import type { SchemaHistory } from '../schema/schema-history.ts'
import type { NodePool } from './node-pool.ts'

const introspectTimeoutMs = 15_000

/**
 * The table definitions that a site works with: from disk at once, so that it starts with every database away, and
 * read anew whenever a database can be asked.
 */
export class CatalogSource {
  readonly #cache: CatalogCache
  readonly #schemas: readonly string[]
  #catalog: Catalog
  #history: SchemaHistory | undefined

  private constructor(cache: CatalogCache, schemas: readonly string[], catalog: Catalog) {
    this.#cache = cache
    this.#schemas = schemas
    this.#catalog = catalog
    this.#remember(catalog)
  }

  /** Errors: `not_migrated`; `catalog_missing` when nothing usable is on disk and no node answers. */
  static async open(
    folder: string,
    schemas: readonly string[],
    nodes: readonly NodePool[],
  ): Promise<CatalogSource> {
    const cache = new CatalogCache(join(folder, 'catalog.json'))
    const cached = await cache.read()
    if (cached.kind === 'found') return new CatalogSource(cache, schemas, cached.catalog)
    const tried: string[] = cached.kind === 'unusable' ? [cached.reason] : []
    let isEmpty = false
    for (const node of nodes) {
      try {
        const catalog = await read(node, schemas)
        await cache.write(catalog)
        return new CatalogSource(cache, schemas, catalog)
      } catch (error) {
        // A replica may only be behind; main, asked after it, knows.
        if (error instanceof OutpostError && error.code === 'not_migrated') isEmpty = true
        tried.push(`${node.name}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    if (isEmpty)
      throw new OutpostError('not_migrated', `Main has no tables to record to (${tried.join('; ')}).`)
    throw new OutpostError('catalog_missing', `No table definitions could be read (${tried.join('; ')}).`)
  }

  /** The longest history seen: it tells what a version was also while a database that lacks the newest is read. */
  get history(): SchemaHistory | undefined {
    return this.#history
  }

  /** What has to be ready for other definitions before they are used; it calls `use` itself, once it is. */
  beforeUse: (next: Catalog, use: () => void) => Promise<void> = (_next, use) => {
    use()
    return Promise.resolve()
  }

  get current(): Catalog {
    return this.#catalog
  }

  /** True when the definitions changed. Rejects with what the node says; the present ones stay in use then. */
  async refresh(node: NodePool): Promise<boolean> {
    const catalog = await read(node, this.#schemas)
    if (catalog.version === this.#catalog.version) return false
    await this.#cache.write(catalog)
    this.#remember(catalog)
    await this.beforeUse(catalog, () => {
      this.#catalog = catalog
    })
    return true
  }

  /** One that goes on, or takes the place of another one. */
  #remember({ history }: Catalog): void {
    const known = this.#history?.find(({ version }) => version === history?.at(-1)?.version)
    if (known === undefined || known.id !== history?.at(-1)?.id) this.#history = history
  }
}

async function read(node: NodePool, schemas: readonly string[]): Promise<Catalog> {
  const catalog = await node.run(introspectTimeoutMs, async (client) =>
    withPolicies(client, await introspect(client, { schemas })),
  )
  if (catalog.tables.size === 0) {
    throw new OutpostError('not_migrated', `There are no tables in ${schemas.join(', ')}.`)
  }
  return catalog
}
