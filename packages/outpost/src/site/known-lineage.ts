import type { Journal } from '../journal/journal.ts'

/** A lineage of main, and where main stood when it began. */
export interface Lineage {
  readonly id: string
  readonly lsn: string
}

const fact = 'site_lineage'

/** The lineage of the main that the site was last in contact with (N4), also over a restart. */
export class KnownLineage {
  readonly #journal: Pick<Journal, 'getFact' | 'setFact'>
  #current: Lineage | undefined

  constructor(journal: Pick<Journal, 'getFact' | 'setFact'>) {
    this.#journal = journal
    const remembered = journal.getFact(fact)
    this.#current = remembered === undefined ? undefined : (JSON.parse(remembered) as Lineage)
  }

  /** Undefined before first contact. */
  get current(): Lineage | undefined {
    return this.#current
  }

  /** In force at once; durable when it resolves. */
  async change(lineage: Lineage): Promise<void> {
    this.#current = lineage
    await this.#journal.setFact(fact, JSON.stringify(lineage))
  }
}
