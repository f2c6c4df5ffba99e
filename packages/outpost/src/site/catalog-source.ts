import type { Catalog } from '../postgres/catalog.ts'

/** The catalog a site works with: from disk at once, refreshed whenever a database can be read. */
export class CatalogSource {
  #catalog: Catalog

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  get current(): Catalog {
    return this.#catalog
  }

  /** True when the definitions changed. */
  replace(catalog: Catalog): boolean {
    const isChanged = catalog.version !== this.#catalog.version
    if (isChanged) this.#catalog = catalog
    return isChanged
  }
}
